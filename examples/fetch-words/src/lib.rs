//! Fetches several pages at once and counts the words of each in a task of its own, as soon as the page is there.
//!
//! A sandbox has no network: the host makes the requests, to the hosts that are allowed.
//!
//! ```sh
//! python3 -m http.server 8000 --bind 127.0.0.1 --directory examples &
//! wrun submit examples/fetch-words --allow-http 127.0.0.1:8000 --allow-http-network 127.0.0.0/8 -- \
//!     http://127.0.0.1:8000/fetch-words/src/lib.rs http://127.0.0.1:8000/word-count/src/lib.rs
//! ```

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the example prints its results")]

use wrun::{http, prelude::*};

/// Counts the words of a page. It starts when the response is there; an error of the request is this call's too.
#[wrun::task]
fn words(page: http::Response) -> Result<usize> {
    Ok(page.error_for_status()?.text()?.split_whitespace().count())
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    // All requests are under way before the first answer is looked at.
    let counts: Vec<_> = urls
        .iter()
        .map(|url| words::remote(http::Request::get(url).remote()))
        .collect();
    for (url, count) in urls.iter().zip(&counts) {
        match count.get() {
            Ok(count) => println!("{count:8} {url}"),
            Err(error) => println!("       - {url}: {}", error.message()),
        }
    }
    Ok(())
}
