//! What happens in a job, as server-sent events: its lines and its calls' states, in one order.
//!
//! An event's id is the number of attempts before this one and the event's number in this one, `0-17`; with it as
//! `Last-Event-ID` a reader goes on behind it. What an earlier attempt told is gone with its server, and the stream says so.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::stream::{self, Stream};
use serde::Deserialize;

use super::{
    App,
    auth::Caller,
    extract::{Named, Params},
    jobs::{self, Reader, event},
    problem::Result,
};
use crate::{
    api::Problem,
    daemon::{Heard, HeardPart},
    ledger::TenantName,
    rt::clock,
    types::{self, EventKind},
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Goes on with what happens, to the job's end.
    #[serde(default)]
    follow: bool,
}

/// What happens in a job, as server-sent events: `line` with what was printed; `event` with a call's new state, or with
/// `dropped`, `restarted` or `unrecorded`; and `end` with the job. Calls' states are kept from the job's beginning if it was
/// submitted with `events`, else from the first such request on.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job's id."), EventQuery,
        ("last-event-id" = Option<String>, Header, description = "The id of the last event that was read.")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 404, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn follow(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
    headers: HeaderMap,
    Params(query): Params<EventQuery>,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let job = jobs::find(&app, &caller, &id).await?;
    let (reader, earlier) = match jobs::live(&app, &caller, &id).await? {
        Some(live) => {
            live.record_events();
            let earlier = live.earlier;
            (Reader::Live(live), earlier)
        }
        None => {
            let ended = match app.daemon.heard(job.id) {
                Some(kept) => kept,
                None => Arc::new(jobs::of_ended(&app, &caller, &id).await?),
            };
            let earlier = job.attempt.saturating_sub(1);
            ended.record_events(earlier);
            (Reader::Ended(ended), earlier)
        }
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = last.and_then(|id| id.split_once('-'));
    let last = last.filter(|(attempt, _)| attempt.parse() == Ok(earlier));
    let last = last.and_then(|(_, number)| number.parse::<u64>().ok());
    let follow = Follow {
        about: caller.about().cloned(),
        app,
        id,
        reader,
        earlier,
        next: last.map_or(0, |last| last.saturating_add(1)),
        wait: query.follow,
        done: false,
    };
    let beat = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(follow.events()).keep_alive(beat))
}

/// Somebody who follows a job.
struct Follow {
    app: App,
    about: Option<TenantName>,
    id: String,
    reader: Reader,
    earlier: u32,
    next: u64,
    wait: bool,
    done: bool,
}

impl Follow {
    /// What comes next; nothing at the end, or of a job that goes on when that is not wanted.
    async fn part(&mut self) -> Option<HeardPart> {
        if self.done {
            return None;
        }
        let buffer = self.reader.buffer();
        if self.wait {
            buffer.wait_events(self.next).await;
        }
        let part = buffer.read_events(self.next);
        self.next = part.next;
        self.done = part.is_end || (!self.wait && part.entries.is_empty());
        Some(part)
    }

    fn events(self) -> impl Stream<Item = std::result::Result<Event, Infallible>> {
        let parts = stream::unfold(self, |mut follow| async move {
            let part = follow.part().await?;
            let mut events = Vec::with_capacity(part.entries.len() + 2);
            if part.missed > 0 {
                let count = part.missed;
                let dropped = types::Event {
                    at: clock::unix_millis(),
                    kind: EventKind::Dropped { count },
                };
                events.push(event("event", &dropped));
            }
            for (number, heard) in &part.entries {
                let one = match heard {
                    Heard::Line(entry) => event("line", &**entry),
                    Heard::Event(told) => event("event", told),
                };
                events.push(one.id(format!("{}-{number}", follow.earlier)));
            }
            if part.is_end {
                let (app, about) = (&follow.app, follow.about.clone());
                let job = follow.reader.end(app, about, &follow.id).await;
                events.extend(job.map(|job| event("end", &job)));
            }
            Some((stream::iter(events.into_iter().map(Ok)), follow))
        });
        futures_util::StreamExt::flatten(parts)
    }
}
