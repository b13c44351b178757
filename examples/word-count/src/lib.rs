//! A word count over all files of a directory: one `map` task a file, a shuffle by word, and four `reduce` tasks.
//!
//! No tutorial's, but on real files. The directory is granted at `/data`; tasks see nothing else of the disk.
//!
//! ```sh
//! wrun submit examples/word-count --dir /usr/share/common-licenses::/data:ro
//! ```

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the example prints its results")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use wrun::prelude::*;

/// Words and how often they come.
type Counts = HashMap<String, u64>;

/// Counts the words of one file; each of the four results has the words that start with a quarter of the letters.
#[wrun::task(num_returns = 4)]
fn map(path: PathBuf) -> Result<(Counts, Counts, Counts, Counts), String> {
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut parts = [Counts::new(), Counts::new(), Counts::new(), Counts::new()];
    for word in String::from_utf8_lossy(&bytes)
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
    {
        let word = word.to_lowercase();
        let part = usize::from(word.as_bytes()[0]) % parts.len();
        *parts[part].entry(word).or_default() += 1;
    }
    Ok(parts.into())
}

/// Adds up the counts of one quarter of the words, and sorts them: most frequent first, then by the alphabet.
#[wrun::task]
fn reduce(parts: Vec<ObjectRef<Counts>>) -> wrun::Result<Vec<(String, u64)>> {
    let mut total = Counts::new();
    for part in parts {
        for (word, count) in part.get()? {
            *total.entry(word).or_default() += count;
        }
    }
    Ok(sorted(total.into_iter().collect()))
}

/// Maps, shuffles and reduces.
fn count(files: &[PathBuf]) -> wrun::Result<Vec<(String, u64)>> {
    let mut quarters = [const { Vec::new() }; 4];
    for (a, b, c, d) in map::map(files) {
        quarters
            .iter_mut()
            .zip([a, b, c, d])
            .for_each(|(quarter, part)| quarter.push(part));
    }
    let reduced = quarters.map(reduce::remote);
    Ok(sorted(wrun::get(&reduced)?.concat()))
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let files = files(Path::new("/data"))?;
    let words = count(&files)?;
    for (word, count) in words.iter().take(10) {
        println!("{count:8} {word}");
    }
    let all: u64 = words.iter().map(|(_, count)| count).sum();
    println!(
        "{all} words, {} of them different, in {} files",
        words.len(),
        files.len()
    );
    Ok(())
}

fn sorted(mut words: Vec<(String, u64)>) -> Vec<(String, u64)> {
    words.sort_by(|(word, count), (other, others)| others.cmp(count).then(word.cmp(other)));
    words
}

/// All files below a directory; links are not followed, so that no file is counted twice.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Under plain `cargo test` tasks are threads of the test's process, and read its files.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_over_all_files() {
        let directory = std::env::temp_dir().join(format!("word-count-{}", std::process::id()));
        fs::create_dir_all(directory.join("below")).unwrap();
        fs::write(directory.join("one.txt"), "The cat, the dog.").unwrap();
        fs::write(directory.join("below/two.txt"), "the end").unwrap();
        let counted = count(&files(&directory).unwrap());
        fs::remove_dir_all(&directory).unwrap();
        let expected = [("the", 3), ("cat", 1), ("dog", 1), ("end", 1)];
        assert_eq!(
            counted.unwrap(),
            expected.map(|(word, count)| (word.to_owned(), count))
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let error = count(&[PathBuf::from("/no/such/file")]).unwrap_err();
        assert!(error.to_string().contains("/no/such/file"), "{error}");
    }
}
