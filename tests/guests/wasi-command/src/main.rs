//! A plain command: prints its arguments, a variable, a file and its input, and ends with the code it is told.
//!
//! `wasi-command CODE [ARGUMENT…]`

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command prints"
)]

use std::io::Read;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    println!("arguments: {arguments:?}");
    println!("GREETING: {:?}", env::var("GREETING").ok());
    println!("/data: {:?}", fs::read_to_string("/data/hello.txt").ok());
    let mut input = String::new();
    match io::stdin().read_to_string(&mut input) {
        Ok(_) => println!("input: {input:?}"),
        Err(error) => println!("input: {error}"),
    }
    eprintln!("to standard error");
    ExitCode::from(
        arguments
            .first()
            .and_then(|code| code.parse().ok())
            .unwrap_or(0),
    )
}
