//! Lines of the commands that look after the database.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

/// Prints a line. Who reads the output may have left, as `head` does once it has enough: the command goes on, since what it does and
/// its exit code do not depend on that.
///
/// # Errors
///
/// When it cannot be written for another reason: a full disk must not look like an empty answer.
pub(super) fn say(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
