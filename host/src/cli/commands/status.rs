//! `wrun status` and `wrun top`: what a server does now, once or again and again.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use rustix::termios::tcgetwinsize;

use super::submit;
use crate::{
    api::Overview,
    cli::{
        Exit,
        args::TopArgs,
        failure::Result,
        output::{self, overview},
        remote,
        stop::Stop,
    },
    client::Client,
};

pub(super) async fn status(json: bool) -> Result<Exit> {
    let now = remote::required()?.overview().await?;
    output::print(&if json {
        super::tenant::pretty(&now)?
    } else {
        overview::text(&now, None)
    })?;
    Ok(Exit::Success)
}

pub(super) async fn top(args: TopArgs) -> Result<Exit> {
    let client = remote::required()?;
    let mut stop = Stop::new()?;
    // The first moment is what the next one is compared with.
    let mut before = client.overview().await?;
    let screen = (io::stdout().is_terminal() && !args.json).then(Screen::open);
    for round in 0.. {
        if args.count.is_some_and(|count| round >= count.get()) {
            break;
        }
        let now = tokio::select! {
            now = later(&client, args.interval) => now?,
            reason = stop.next() => {
                return Ok(submit::exit_of(reason));
            }
        };
        match &screen {
            _ if args.json => {
                let mut line = serde_json::to_string(&now).unwrap_or_default();
                line.push('\n');
                output::print(&line)?;
            }
            Some(screen) => screen.show(&overview::text(&now, Some(&before)))?,
            None => output::print(&format!("{}\n", overview::text(&now, Some(&before))))?,
        }
        before = now;
    }
    Ok(Exit::Success)
}

async fn later(client: &Client, interval: Duration) -> Result<Overview> {
    tokio::time::sleep(interval).await;
    Ok(client.overview().await?)
}

/// The terminal's other screen, until it is dropped: what was there before comes back.
struct Screen;

impl Screen {
    fn open() -> Self {
        say("\x1b[?1049h\x1b[?25l");
        Self
    }

    /// As much of it as there is room for.
    fn show(&self, text: &str) -> Result<()> {
        let size = tcgetwinsize(io::stdout()).ok();
        let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row, size.ws_col));
        let mut frame = String::from("\x1b[H");
        for line in text.lines().take(usize::from(rows.max(2)) - 1) {
            frame.extend(line.chars().take(usize::from(columns.max(1))));
            frame.push_str("\x1b[K\r\n");
        }
        frame.push_str("\x1b[J");
        output::print(&frame)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        say("\x1b[?25h\x1b[?1049l");
    }
}

fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    // A terminal that is gone shows nothing.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}
