//! `--config FILE`: options from a TOML file, under those of the command line.
//!
//! A file has a table for each subcommand; its keys are the options' names, `total-iter`, `total_iter` or the published
//! `totalIter`:
//!
//! ```toml
//! [grow]
//! graph = "rclut"
//! scale = 2
//! data = "photographs"
//! total-iter = 4000
//! output = "mine-x2.safetensors"
//! ```
//!
//! The file's options become arguments in front of the typed ones; an option that is typed wins.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Arg, ArgAction, ArgGroup, Command};
use toml::{Table, Value};

/// The arguments with the options of the file that `--config` names put in. Without `--config` they stay as they are.
pub(super) fn expand(mut arguments: Vec<OsString>, command: &Command) -> Result<Vec<OsString>> {
    let Some(path) = take_config(&mut arguments)? else {
        return Ok(arguments);
    };
    let at = || format!("configuration {}", Path::new(&path).display());
    let text = fs::read_to_string(&path).with_context(at)?;
    let file: Table = text.parse().with_context(at)?;
    for name in file.keys() {
        let subcommands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        ensure!(
            subcommands.contains(&name.as_str()),
            "{}: found [{name}], expected a table for one of: {}",
            at(),
            subcommands.join(", ")
        );
    }
    let program = 1;
    let typed = arguments
        .iter()
        .skip(program)
        .position(|argument| command.find_subcommand(argument).is_some());
    let Some(typed) = typed.map(|position| position + program) else {
        return Ok(arguments);
    };
    let subcommand = command
        .find_subcommand(&arguments[typed])
        .expect("just found");
    let Some(table) = file.get(subcommand.get_name()) else {
        return Ok(arguments);
    };
    let Value::Table(table) = table else {
        bail!(
            "{}: found a value `{}`, expected a table",
            at(),
            subcommand.get_name()
        );
    };
    let rest = arguments.split_off(typed + 1);
    for (key, value) in table {
        let option = find_option(subcommand, key).with_context(at)?;
        if !is_typed(option, &rest) && !excluded(option, subcommand, &rest) {
            arguments.extend(as_arguments(option, value).with_context(at)?);
        }
    }
    arguments.extend(rest);
    Ok(arguments)
}

/// Takes `--config FILE` or `--config=FILE` out of the arguments.
fn take_config(arguments: &mut Vec<OsString>) -> Result<Option<OsString>> {
    const OPTION: &str = "--config";
    let spelled = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        argument == OPTION || argument.starts_with("--config=")
    };
    let Some(at) = arguments.iter().position(spelled) else {
        return Ok(None);
    };
    let argument = arguments.remove(at);
    if argument != OPTION {
        let path = argument
            .to_string_lossy()
            .split_once('=')
            .map(|(_, path)| path.into());
        return Ok(path);
    }
    ensure!(at < arguments.len(), "{OPTION}: expected a file after it");
    Ok(Some(arguments.remove(at)))
}

/// The option that a key names, spelled with dashes, underscores, or as published.
fn find_option<'a>(subcommand: &'a Command, key: &str) -> Result<&'a Arg> {
    let dashed = key.replace('_', "-");
    let names = |option: &Arg| {
        let mut names: Vec<&str> = option.get_all_aliases().unwrap_or_default();
        names.extend(option.get_long());
        names.contains(&key) || names.contains(&dashed.as_str())
    };
    let options = || {
        subcommand
            .get_arguments()
            .filter(|option| option.get_long().is_some())
    };
    options().find(|option| names(option)).with_context(|| {
        let known: Vec<&str> = options().filter_map(Arg::get_long).collect();
        format!(
            "[{}]: found `{key}`, expected one of: {}",
            subcommand.get_name(),
            known.join(", ")
        )
    })
}

/// Whether an option is among the typed arguments, by any of its names.
fn is_typed(option: &Arg, typed: &[OsString]) -> bool {
    let mut longs: Vec<&str> = option.get_all_aliases().unwrap_or_default();
    longs.extend(option.get_long());
    typed.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        if let Some(name) = argument.strip_prefix("--") {
            let name = name.split_once('=').map_or(name, |(name, _)| name);
            return longs.contains(&name);
        }
        let short = argument
            .strip_prefix('-')
            .and_then(|rest| rest.chars().next());
        short.is_some() && short == option.get_short()
    })
}

/// Whether a typed option excludes this one, as `--minutes` does `--total-iter`.
fn excluded(option: &Arg, subcommand: &Command, typed: &[OsString]) -> bool {
    let mut groups = subcommand.get_groups().filter(|group| {
        let members: Vec<_> = group.get_args().collect();
        !ArgGroup::is_multiple(&mut (*group).clone()) && members.contains(&option.get_id())
    });
    groups.any(|group| {
        let members = group.get_args();
        let members =
            members.filter_map(|id| subcommand.get_arguments().find(|arg| arg.get_id() == id));
        members.into_iter().any(|member| is_typed(member, typed))
    })
}

/// `--name value`; a flag is there or not; a list gives its values one by one.
fn as_arguments(option: &Arg, value: &Value) -> Result<Vec<OsString>> {
    let name = format!("--{}", option.get_long().expect("options have long names"));
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let mut arguments = Vec::new();
    for value in values {
        let text = match value {
            Value::Boolean(set) if matches!(option.get_action(), ArgAction::SetTrue) => {
                if *set {
                    arguments.push(OsStr::new(&name).to_owned());
                }
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => value.to_string(),
            _ => bail!(
                "{name}: found {}, expected a text, number or list",
                value.type_str()
            ),
        };
        arguments.push(format!("{name}={text}").into());
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use clap::arg;

    use super::*;

    fn command() -> Command {
        Command::new("trainer").subcommand(
            Command::new("grow")
                .arg(arg!(-o --output <FILE>))
                .arg(Arg::new("total-iter").long("total-iter").alias("totalIter"))
                .arg(arg!(--minutes <M>))
                .arg(arg!(--scale <S> ...))
                .arg(arg!(--restart))
                .group(ArgGroup::new("budget").args(["total-iter", "minutes"])),
        )
    }

    fn expanded(file: &str, typed: &str) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("options.toml");
        fs::write(&path, file).unwrap();
        let mut arguments: Vec<OsString> = typed.split(' ').map(Into::into).collect();
        arguments.extend(["--config".into(), path.into()]);
        let expanded = expand(arguments, &command())?;
        Ok(expanded
            .into_iter()
            .map(|argument| argument.into_string().unwrap())
            .collect())
    }

    #[test]
    fn options_of_the_file_stand_before_typed_ones() {
        let file = "[grow]\noutput = 'a b'\ntotalIter = 9\nscale = [2, 3]\nrestart = true";
        let found = expanded(file, "trainer grow --extra").unwrap();
        let expected = [
            "--output=a b",
            "--restart",
            "--scale=2",
            "--scale=3",
            "--total-iter=9",
            "--extra",
        ];
        assert_eq!(found[..2], ["trainer", "grow"]);
        assert_eq!(found[found.len() - 1], "--extra");
        let (mut found, mut expected) = (found[2..].to_vec(), expected.to_vec());
        found.sort();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn typed_options_win_by_any_name_and_over_the_group() {
        let file = "[grow]\noutput = 'file'\ntotal_iter = 9\nscale = 2\nrestart = false";
        for typed in ["--totalIter 5", "--total-iter=5", "--minutes 5"] {
            let found =
                expanded(file, &format!("trainer grow -o typed --scale 4 {typed}")).unwrap();
            let expected = format!("trainer grow -o typed --scale 4 {typed}");
            assert_eq!(found.join(" "), expected);
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (file, expected) in [
            ("[shrink]", "[shrink]"),
            ("[grow]\ntotal = 1", "`total`, expected one of"),
            ("[grow]\nscale = { a = 1 }", "--scale: found table"),
            ("grow = 1", "expected a table"),
            ("[grow", "options.toml"),
        ] {
            let message = format!("{:#}", expanded(file, "trainer grow").unwrap_err());
            assert!(message.contains(expected), "{message}");
        }
    }
}
