//! Texts that a page or a terminal could take for its own, in every place where a guest's text is shown.

use wrun::prelude::*;

use super::{FOREVER, Progress};

/// Each would set `window.broken` if it were more than text, or write outside of its place.
const TEXTS: &[&str] = &[
    "<img src=x onerror=\"window.broken=1\">",
    "<script>window.broken=1</script>",
    "\"><svg onload=\"window.broken=1\">",
    "' onmouseover='window.broken=1' x='",
    "<style>body{display:none}</style>",
    "<a href=\"javascript:window.broken=1\">click</a>",
    "&lt;b&gt;not bold&lt;/b&gt;",
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}[2J",
    "user\u{202e}gnp.exe\u{202c} \u{2066}turned\u{2069}",
    "zero\u{0}byte, bell\u{7}, tab\t, return\r.",
    "__proto__",
    "constructor",
];

#[wrun::task]
fn nothing() {}

#[wrun::task(num_cpus = 0)]
fn rest() {
    wrun::sleep(FOREVER);
}

#[wrun::task]
fn fail(text: String) -> Result<()> {
    wrun::bail!("{text}")
}

/// As a line, and as the names of what lives, ended and failed.
pub(crate) fn show() -> Result<()> {
    let long = "long".repeat(50);
    println!("{}", "wide".repeat(1_000));
    let mut kept = Vec::new();
    let mut actors = Vec::new();
    for text in TEXTS.iter().copied().chain([long.as_str()]) {
        println!("{text}");
        nothing::options().name(text).remote().get()?;
        let _ = fail::options().name(text).remote(text).get();
        kept.push(rest::options().name(text).remote());
        actors.push(Progress::options().name(text).remote());
    }
    let objects: Vec<_> = TEXTS
        .iter()
        .map(|text| wrun::put(text.repeat(5_000)))
        .collect();
    println!("{} texts, {} objects", kept.len(), objects.len());
    wrun::sleep(FOREVER);
    drop(actors);
    Ok(())
}

/// Fails with all of the texts, and long ones.
pub(crate) fn broken() -> Result<()> {
    wrun::bail!("{}\n{}", TEXTS.join("\n"), "long".repeat(500))
}

/// Puts one text into every place, so that whoever may not see it can be seen not to.
pub(crate) fn say_all(text: &str) -> Result<()> {
    println!("{text} is a line");
    let _ = fail::options()
        .name(format!("{text}-failed"))
        .remote(text)
        .get();
    let _kept = rest::options().name(format!("{text}-task")).remote();
    let actor = Progress::options().name(format!("{text}-actor")).remote();
    actor.done(1).get()?;
    let _object = wrun::put(text.repeat(10_000));
    wrun::sleep(FOREVER);
    Ok(())
}
