//! Sensible values where the data never reach: entries that training has hardly touched follow their neighbours.
//!
//! What is smoothed is the entry's difference `r` from the starting table, which is linear in its inputs. With `n` the
//! number of steps that touched an entry, it minimises
//!
//! ```text
//! sum over entries of n (r - r_trained)^2  +  STIFFNESS * sum over neighbours along an axis of (r - r_neighbour)^2
//! ```
//!
//! by Gauss-Seidel sweeps. Well-trained entries stay nearly as they are; an untouched region takes a smooth membrane between
//! them, so that noise and graphics, which photographs lack, meet no cliff.

use super::table::Table;

/// How many steps' worth of data a neighbour counts for.
const STIFFNESS: f32 = 20.0;
/// An entry that so many steps have touched is left alone.
const TRUSTED: u32 = 4000;
const SWEEPS: usize = 24;

/// Smooths a table, given how many steps have touched each of its entries and the table that training started from.
pub fn smooth(table: &mut Table, touches: &[u32], start: &Table) {
    let outputs = table.outputs;
    let difference = |(entry, start): (&f32, &f32)| entry - start;
    let trained: Vec<f32> = table
        .entries
        .iter()
        .zip(&start.entries)
        .map(difference)
        .collect();
    let mut smoothed = trained.clone();
    let loose: Vec<usize> = (0..touches.len())
        .filter(|row| touches[*row] < TRUSTED)
        .collect();
    let mut sum = vec![0.0; outputs];
    for _ in 0..SWEEPS {
        for row in &loose {
            let weight = touches[*row] as f32;
            let own = &trained[row * outputs..][..outputs];
            sum.iter_mut()
                .zip(own)
                .for_each(|(sum, own)| *sum = weight * own);
            let mut total = weight;
            for neighbour in neighbours(table, *row) {
                let values = &smoothed[neighbour * outputs..][..outputs];
                sum.iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += STIFFNESS * value);
                total += STIFFNESS;
            }
            let out = &mut smoothed[row * outputs..][..outputs];
            out.iter_mut()
                .zip(&sum)
                .for_each(|(out, sum)| *out = sum / total);
        }
    }
    for ((entry, start), smoothed) in table.entries.iter_mut().zip(&start.entries).zip(&smoothed) {
        *entry = start + smoothed;
    }
}

/// The entries next to one, along each axis.
fn neighbours(table: &Table, row: usize) -> impl Iterator<Item = usize> {
    let (nodes, strides) = (table.nodes(), table.strides());
    let axes = strides.into_iter().take(table.axes);
    axes.flat_map(move |stride| {
        let stride = stride as usize;
        let coordinate = row / stride % nodes;
        let before = (coordinate > 0).then(|| row - stride);
        let after = (coordinate + 1 < nodes).then(|| row + stride);
        before.into_iter().chain(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(interval: u32) -> Table {
        Table::from_first_axis(4, interval, 1, |level| level as f32 / 4.0)
    }

    #[test]
    fn trusted_entries_stay_and_the_others_join_them() {
        let start = line(6);
        let mut table = start.clone();
        // Training has raised the whole table by 3 but for one entry, which it never touched.
        table.entries.iter_mut().for_each(|entry| *entry += 3.0);
        let (trained, hole) = (table.clone(), 312);
        table.entries[hole] = -80.0;
        let mut touches = vec![TRUSTED; table.rows()];
        touches[hole] = 0;
        smooth(&mut table, &touches, &start);
        assert_eq!(table, trained);
    }

    #[test]
    fn an_untouched_table_stays_as_it_started() {
        let start = line(6);
        let mut table = start.clone();
        smooth(&mut table, &vec![0; start.rows()], &start);
        assert_eq!(table, start);
    }
}
