//! Parses the command line, runs the command, turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use coursestream::cli::Cli;

/// Usage and surroundings: a wrong flag, a server that cannot be reached.
const EXIT_TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("coursestream: the runtime does not start: {error}");
            return ExitCode::from(EXIT_TROUBLE);
        }
    };
    match runtime.block_on(cli.command.run()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("coursestream: {error:#}");
            ExitCode::from(EXIT_TROUBLE)
        }
    }
}
