//! Where a log is not what was sealed, by its leaves.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    fmt,
};

use super::{Leaves, digest::Leaf};
use crate::event::Offset;

/// What was done to events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Altered,
    Removed,
    /// Not there when the log was sealed.
    Inserted,
    /// The events are whole, but stand elsewhere now; the first of them here.
    Moved {
        to: Offset,
    },
}

/// The same change to events in a row: sealed offsets, of an insertion today's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    pub first: Offset,
    pub last: Offset,
    pub change: Change,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, change } = self;
        let count = last.get() - first.get();
        let (what, was) = if count == 0 {
            (format!("offset {first}"), "was")
        } else {
            (format!("offsets {first} to {last}"), "were")
        };
        match change {
            Change::Altered => write!(f, "{what} {was} altered"),
            Change::Removed => write!(f, "{what} {was} removed"),
            Change::Inserted => write!(f, "{what} {was} inserted"),
            Change::Moved { to } if count == 0 => write!(f, "{what} {was} moved to {to}"),
            Change::Moved { to } => write!(f, "{what} {was} moved to {to} to {}", to.plus(count)),
        }
    }
}

/// What was done to the log since it was sealed. An event that stands at its sealed offset is as it was; one that stands
/// elsewhere was moved; what is left at one offset on both sides was altered.
#[must_use]
pub fn compare(sealed: &Leaves, found: &Leaves) -> Vec<Difference> {
    let (lost, strange) = apart(&sealed.0, &found.0);
    let mut by_leaf: HashMap<Leaf, VecDeque<Offset>> = HashMap::new();
    for (offset, leaf) in &lost {
        by_leaf.entry(*leaf).or_default().push_back(*offset);
    }
    let (mut changes, mut inserted) = (Vec::new(), Vec::new());
    let mut left: BTreeSet<Offset> = lost.iter().map(|(offset, _)| *offset).collect();
    let mut unknown = Vec::new();
    for (offset, leaf) in strange {
        match by_leaf.get_mut(&leaf).and_then(VecDeque::pop_front) {
            Some(from) => {
                left.remove(&from);
                changes.push((from, Change::Moved { to: offset }));
            }
            None => unknown.push(offset),
        }
    }
    for offset in unknown {
        if left.remove(&offset) {
            changes.push((offset, Change::Altered));
        } else {
            inserted.push((offset, Change::Inserted));
        }
    }
    changes.extend(left.into_iter().map(|offset| (offset, Change::Removed)));
    changes.sort_by_key(|(offset, _)| *offset);
    // Apart, since an insertion has today's offset and all others have sealed ones.
    let mut differences = in_runs(changes);
    differences.extend(in_runs(inserted));
    differences.sort_by_key(|difference| difference.first);
    differences
}

type Entries = Vec<(Offset, Leaf)>;

/// What stands on one side alone, or differs at the same offset.
fn apart(sealed: &[(Offset, Leaf)], found: &[(Offset, Leaf)]) -> (Entries, Entries) {
    let (mut lost, mut strange) = (Vec::new(), Vec::new());
    let (mut sealed, mut found) = (sealed.iter().copied().peekable(), found.iter().copied().peekable());
    loop {
        match (sealed.peek(), found.peek()) {
            (Some(was), Some(is)) if was == is => {
                sealed.next();
                found.next();
            }
            (Some((was, _)), Some((is, _))) if was > is => strange.extend(found.next()),
            (Some(_), _) => lost.extend(sealed.next()),
            (None, Some(_)) => strange.extend(found.next()),
            (None, None) => return (lost, strange),
        }
    }
}

fn in_runs(changes: Vec<(Offset, Change)>) -> Vec<Difference> {
    let mut runs: Vec<Difference> = Vec::new();
    for (offset, change) in changes {
        if let Some(run) = runs.last_mut()
            && offset == run.last.next()
        {
            let goes_on = match (run.change, change) {
                (Change::Moved { to: first }, Change::Moved { to }) => to == first.plus(offset.get() - run.first.get()),
                (before, now) => before == now,
            };
            if goes_on {
                run.last = offset;
                continue;
            }
        }
        runs.push(Difference { first: offset, last: offset, change });
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A letter is an event; a space has none.
    fn leaves(letters: &str) -> Leaves {
        let by_offset = (1..).map(Offset::new).zip(letters.bytes());
        Leaves(by_offset.filter(|(_, letter)| *letter != b' ').map(|(offset, letter)| (offset, [letter; 16])).collect())
    }

    fn said(sealed: &str, found: &str) -> Vec<String> {
        compare(&leaves(sealed), &leaves(found)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_kind_of_change_is_named() {
        assert_eq!(said("abcdef", "abcdef"), [""; 0]);
        assert_eq!(said("abcdef", "abXdef"), ["offset 3 was altered"]);
        assert_eq!(said("abcdef", "aXYdeZ"), ["offsets 2 to 3 were altered", "offset 6 was altered"]);
        assert_eq!(said("abcdef", "ab def"), ["offset 3 was removed"]);
        assert_eq!(said("abcdef", "abc"), ["offsets 4 to 6 were removed"]);
        assert_eq!(said("abcdef", ""), ["offsets 1 to 6 were removed"]);
        assert_eq!(said("abcdef", "abcdefX"), ["offset 7 was inserted"]);
        assert_eq!(said("abcdef", "abcdef XY"), ["offsets 8 to 9 were inserted"]);
        assert_eq!(said("abcdef", "aecdbf"), ["offset 2 was moved to 5", "offset 5 was moved to 2"]);
        assert_eq!(said("ab def", "abXdef"), ["offset 3 was inserted"]);
    }

    #[test]
    fn what_moved_along_is_no_alteration() {
        assert_eq!(said("abcdef", "abXcdef"), ["offsets 3 to 6 were moved to 4 to 7", "offset 3 was inserted"]);
        assert_eq!(said("abcdef", "abdef"), ["offset 3 was removed", "offsets 4 to 6 were moved to 3 to 5"]);
        assert_eq!(said("aaaa", "aaa"), ["offset 4 was removed"]);
        assert_eq!(said("aaba", "aaab"), ["offset 3 was moved to 4", "offset 4 was moved to 3"]);
    }

    proptest! {
        /// Whatever was done: something is said exactly where something was done, and each event is accounted for once.
        #[test]
        fn events_are_accounted_for(sealed in "[a-d ]{0,12}", found in "[a-f ]{0,12}") {
            let (was, is) = (leaves(&sealed), leaves(&found));
            let differences = compare(&was, &is);
            prop_assert_eq!(differences.is_empty(), was == is);
            let count = |wanted: fn(Change) -> bool| -> i64 {
                let runs = differences.iter().filter(|difference| wanted(difference.change));
                runs.map(|run| (run.last.get() - run.first.get() + 1) as i64).sum()
            };
            let removed = count(|change| change == Change::Removed);
            let inserted = count(|change| change == Change::Inserted);
            prop_assert_eq!(was.len() as i64 - removed + inserted, is.len() as i64);
        }
    }
}
