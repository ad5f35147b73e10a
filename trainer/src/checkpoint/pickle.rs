//! A pickle machine that builds inert values and calls nothing.
//!
//! The opcodes are those of Python's `pickletools`, protocols 2 to 5. Classes and functions stay names. The few
//! functions that rebuild tensors and dictionaries are recognised; a pickle that calls any other is refused.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::values::{Id, Pickled, Value};

/// Reads one pickle from the start of `bytes`; returns it and how many bytes it took.
///
/// # Errors
/// If the pickle is malformed or calls something that is not allowed.
pub(super) fn load(bytes: &[u8]) -> Result<(Pickled, usize)> {
    let mut machine = Machine {
        input: bytes,
        at: 0,
        pickled: Pickled {
            values: Vec::new(),
            root: 0,
        },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let mut at = 0;
    while machine
        .step()
        .with_context(|| format!("pickle, byte {at}"))?
    {
        at = machine.at;
    }
    Ok((machine.pickled, machine.at))
}

struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    pickled: Pickled,
    stack: Vec<Id>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<usize, Id>,
}

impl Machine<'_> {
    /// One opcode; false at the end of the pickle.
    fn step(&mut self) -> Result<bool> {
        let [opcode] = self.take()?;
        match opcode {
            b'.' => {
                self.pickled.root = self.pop()?;
                return Ok(false);
            }
            0x80 => drop(self.take::<1>()?),
            0x95 => drop(self.take::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' | b'F' | b'G' | b'B' | b'C' | 0x8e => self.skip_other(opcode)?,
            0x88 => self.push(Value::Flag(true)),
            0x89 => self.push(Value::Flag(false)),
            b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b => self.integer(opcode)?,
            b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => self.text(opcode)?,
            b'h' | b'j' | b'g' => self.get(opcode)?,
            b'q' | b'r' | b'p' | 0x94 => self.put(opcode)?,
            b'c' | 0x93 => self.global(opcode)?,
            b'R' => self.reduce()?,
            0x81 | 0x92 => self.new_object(opcode)?,
            b'b' => self.build()?,
            b'Q' => self.persistent()?,
            _ => self.container(opcode)?,
        }
        Ok(true)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.input[self.at..]
            .first_chunk()
            .context("the pickle ends too early")?;
        self.at += N;
        Ok(*bytes)
    }

    fn take_slice(&mut self, length: usize) -> Result<&[u8]> {
        let bytes = self.input[self.at..]
            .get(..length)
            .context("the pickle ends too early")?;
        self.at += length;
        Ok(bytes)
    }

    fn take_line(&mut self) -> Result<String> {
        let rest = &self.input[self.at..];
        let length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .context("the pickle ends too early")?;
        self.at += length + 1;
        Ok(String::from_utf8(rest[..length].to_vec())?)
    }

    /// A length or index of `bytes` bytes.
    fn take_length(&mut self, bytes: usize) -> Result<usize> {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(self.take_slice(bytes)?);
        Ok(usize::try_from(u64::from_le_bytes(wide))?)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.pickled.values.len());
        self.pickled.values.push(value);
    }

    /// The stack's height above which this opcode may not reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id> {
        ensure!(
            self.stack.len() > self.floor(),
            "nothing to take from the stack"
        );
        self.stack.pop().context("nothing to take from the stack")
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().context("nothing on the stack")
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().context("no mark on the stack")?;
        Ok(self.stack.split_off(mark))
    }

    fn pop_count(&mut self, count: usize) -> Result<Vec<Id>> {
        ensure!(
            self.stack.len() >= self.floor() + count,
            "nothing to take from the stack"
        );
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    /// None, a float or bytes.
    fn skip_other(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b'F' => drop(self.take_line()?),
            b'G' => drop(self.take::<8>()?),
            b'B' | b'C' | 0x8e => {
                let width = match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                };
                let length = self.take_length(width)?;
                self.take_slice(length)?;
            }
            _ => {}
        }
        self.push(Value::Other);
        Ok(())
    }

    fn integer(&mut self, opcode: u8) -> Result<()> {
        let value = match opcode {
            b'I' | b'L' => {
                let line = self.take_line()?;
                match (opcode, line.as_str()) {
                    (b'I', "00") => Value::Flag(false),
                    (b'I', "01") => Value::Flag(true),
                    _ => Value::Integer(line.trim_end_matches('L').parse()?),
                }
            }
            b'J' => Value::Integer(i32::from_le_bytes(self.take()?).into()),
            b'K' => Value::Integer(self.take::<1>()?[0].into()),
            b'M' => Value::Integer(u16::from_le_bytes(self.take()?).into()),
            _ => {
                let length = self.take_length(if opcode == 0x8a { 1 } else { 4 })?;
                let digits = self.take_slice(length)?;
                ensure!(
                    length <= 16,
                    "found an integer of {length} bytes, expected at most 16"
                );
                let negative = digits.last().is_some_and(|byte| *byte >= 0x80);
                let mut wide = [if negative { 0xff } else { 0 }; 16];
                wide[..length].copy_from_slice(digits);
                Value::Integer(i128::from_le_bytes(wide))
            }
        };
        self.push(value);
        Ok(())
    }

    fn text(&mut self, opcode: u8) -> Result<()> {
        let text = match opcode {
            b'V' => self.take_line()?,
            _ => {
                let length = self.take_length(match opcode {
                    b'U' | 0x8c => 1,
                    b'T' | b'X' => 4,
                    _ => 8,
                })?;
                String::from_utf8_lossy(self.take_slice(length)?).into_owned()
            }
        };
        self.push(Value::Text(text));
        Ok(())
    }

    fn get(&mut self, opcode: u8) -> Result<()> {
        let index = match opcode {
            b'h' => self.take_length(1)?,
            b'j' => self.take_length(4)?,
            _ => self.take_line()?.parse()?,
        };
        let id = self
            .memo
            .get(&index)
            .with_context(|| format!("memo {index} is empty"))?;
        self.stack.push(*id);
        Ok(())
    }

    fn put(&mut self, opcode: u8) -> Result<()> {
        let index = match opcode {
            b'q' => self.take_length(1)?,
            b'r' => self.take_length(4)?,
            b'p' => self.take_line()?.parse()?,
            _ => self.memo.len(),
        };
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn global(&mut self, opcode: u8) -> Result<()> {
        let (module, name) = if opcode == b'c' {
            (self.take_line()?, self.take_line()?)
        } else {
            let [module, name] = self.pop_count(2)?.try_into().expect("two values");
            match (&self.pickled.values[module], &self.pickled.values[name]) {
                (Value::Text(module), Value::Text(name)) => (module.clone(), name.clone()),
                _ => bail!("found a class that is not named by two texts"),
            }
        };
        self.push(Value::Global(format!("{module}.{name}")));
        Ok(())
    }

    /// A call. Only what builds tensors and plain containers is understood; nothing is ever run.
    fn reduce(&mut self) -> Result<()> {
        let [callee, arguments] = self.pop_count(2)?.try_into().expect("two values");
        let Value::Global(name) = &self.pickled.values[callee] else {
            bail!("found a call of something without a name, refused");
        };
        let arguments = match &self.pickled.values[arguments] {
            Value::Sequence(arguments) => arguments.clone(),
            _ => bail!("found a call of `{name}` without a tuple of arguments, refused"),
        };
        let first = arguments
            .first()
            .map(|first| self.pickled.values[*first].clone());
        let value = match (name.as_str(), first) {
            ("torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2", _) => {
                Value::Tensor(self.pickled.tensor(&arguments)?)
            }
            ("torch._utils._rebuild_parameter", Some(Value::Tensor(view))) => Value::Tensor(view),
            ("collections.OrderedDict", None) => Value::Dictionary(Vec::new()),
            ("collections.OrderedDict", Some(Value::Sequence(pairs))) => {
                Value::Dictionary(self.pairs(&pairs)?)
            }
            ("torch.Size", Some(Value::Sequence(items))) => Value::Sequence(items),
            (
                "builtins.set" | "__builtin__.set" | "builtins.frozenset" | "__builtin__.frozenset",
                _,
            ) => Value::Other,
            _ => bail!("found a call of `{name}`, refused: expected only what rebuilds tensors"),
        };
        self.push(value);
        Ok(())
    }

    fn pairs(&self, pairs: &[Id]) -> Result<Vec<(Id, Id)>> {
        let pairs = pairs.iter().map(|pair| match &self.pickled.values[*pair] {
            Value::Sequence(pair) if pair.len() == 2 => Ok((pair[0], pair[1])),
            _ => bail!("found a dictionary that is not made of pairs"),
        });
        pairs.collect()
    }

    /// An instance of a class, never constructed: an empty shell for the state that follows.
    fn new_object(&mut self, opcode: u8) -> Result<()> {
        let parts = self.pop_count(if opcode == 0x81 { 2 } else { 3 })?;
        ensure!(
            matches!(self.pickled.values[parts[0]], Value::Global(_)),
            "found an object without a class, refused"
        );
        self.push(Value::Object(None));
        Ok(())
    }

    fn build(&mut self) -> Result<()> {
        let state = self.pop()?;
        let target = self.top()?;
        if let Value::Object(kept) = &mut self.pickled.values[target] {
            *kept = Some(state);
        }
        Ok(())
    }

    /// `("storage", type, key, location, elements, ...)`, or in the legacy container `("module", class, file, source)`.
    fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        let Value::Sequence(parts) = &self.pickled.values[id] else {
            bail!("found a persistent id that is no tuple");
        };
        let kind = parts.first().map(|kind| &self.pickled.values[*kind]);
        match (kind, parts.as_slice()) {
            (Some(Value::Text(kind)), [_, storage, key, ..]) if kind == "storage" => {
                let view = parts.get(5).map(|view| &self.pickled.values[*view]);
                ensure!(
                    matches!(view, None | Some(Value::Other)),
                    "found a view of a storage, expected a whole one"
                );
                let storage = self.pickled.storage(*storage, *key)?;
                self.push(Value::Storage(storage));
            }
            (Some(Value::Text(kind)), [_, class, ..]) if kind == "module" => {
                self.stack.push(*class)
            }
            _ => bail!("found an unknown persistent id, expected a storage or a module"),
        }
        Ok(())
    }

    fn container(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b']' | b')' => self.push(Value::Sequence(Vec::new())),
            b'l' | b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Sequence(items));
            }
            0x85..=0x87 => {
                let items = self.pop_count(usize::from(opcode - 0x84))?;
                self.push(Value::Sequence(items));
            }
            b'a' | b'e' => {
                let mut items = if opcode == b'a' {
                    vec![self.pop()?]
                } else {
                    self.pop_to_mark()?
                };
                match self.top_mut()? {
                    Value::Sequence(list) => list.append(&mut items),
                    _ => bail!("found an append to something that is no list"),
                }
            }
            b'}' => self.push(Value::Dictionary(Vec::new())),
            b's' | b'u' => {
                let items = if opcode == b's' {
                    self.pop_count(2)?
                } else {
                    self.pop_to_mark()?
                };
                let (pairs, rest) = items.as_chunks::<2>();
                ensure!(rest.is_empty(), "found a key without a value");
                match self.top_mut()? {
                    Value::Dictionary(entries) => {
                        entries.extend(pairs.iter().map(|[key, value]| (*key, *value)))
                    }
                    _ => bail!("found an entry for something that is no dictionary"),
                }
            }
            0x8f => self.push(Value::Other),
            0x90 => drop(self.pop_to_mark()?),
            0x91 => {
                self.pop_to_mark()?;
                self.push(Value::Other);
            }
            _ => bail!("found opcode {opcode:#04x}, refused: no checkpoint needs it"),
        }
        Ok(())
    }

    fn top_mut(&mut self) -> Result<&mut Value> {
        let top = self.top()?;
        Ok(&mut self.pickled.values[top])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", load(bytes).unwrap_err())
    }

    #[test]
    fn calls_are_refused_by_name() {
        let message = refusal(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.");
        assert!(
            message.contains("`posix.system`") && message.contains("refused"),
            "{message}"
        );
    }

    #[test]
    fn opcodes_that_make_instances_by_calling_are_refused() {
        for pickle in [
            &b"(iposix\nsystem\n."[..],
            b"(cposix\nsystem\no.",
            b"\x82\x01.",
        ] {
            assert!(refusal(pickle).contains("refused"));
        }
    }

    #[test]
    fn truncated_and_senseless_pickles_are_refused() {
        for pickle in [
            &b""[..],
            b"X\xff\xff\xff\xff",
            b"e.",
            b"h\x07.",
            b"K",
            b"u.",
            b"R.",
            b"b.",
            b"Nq",
            b"(K\x01]a.",
        ] {
            assert!(load(pickle).is_err(), "{}", pickle.escape_ascii());
        }
    }

    #[test]
    fn deep_nesting_and_cycles_do_no_harm() {
        let mut deep = b"]".repeat(300_000);
        deep.extend(b"a".repeat(299_999));
        deep.push(b'.');
        assert!(load(&deep).is_ok());
        // A dictionary that holds itself.
        let (pickled, _) = load(b"}q\x00X\x01\x00\x00\x00kh\x00s.").unwrap();
        assert!(pickled.named_tensors().unwrap().is_empty());
    }
}
