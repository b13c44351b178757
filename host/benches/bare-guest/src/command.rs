//! A plain WASI command of about 100 KiB, for the row that compiles a module for the first time: counts words with what
//! std has for that.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command prints")]

use std::collections::{BTreeMap, HashMap};

const TEXT: &str = "the quick brown fox jumps over the lazy dog and the dog sleeps";

fn main() {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in TEXT.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    let mut by_count: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (word, count) in counts {
        by_count.entry(count).or_default().push(word);
    }
    if let Some((count, words)) = by_count.last_key_value() {
        println!("{} {count}", words.join(" "));
    }
}
