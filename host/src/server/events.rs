//! What happens in a job, as server-sent events: its lines and its calls' states, in one order.
//!
//! An event's id is the number of attempts before this one and the event's number in this one, `0-17`; with it as
//! `Last-Event-ID` a reader goes on behind it. What an earlier attempt told is gone with its server, and the stream says so.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, Sse},
};
use futures_util::stream::Stream;
use serde::Deserialize;

use super::{
    App,
    auth::Caller,
    extract::{Named, Params},
    follow::{Follow, Happenings, Reader},
    jobs,
    problem::Result,
};
use crate::api::Problem;

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
    let mut answer = None;
    let (reader, earlier) = match app.daemon.live(job.id) {
        Some(live) => {
            live.record_events();
            let earlier = live.earlier;
            (Reader::Live(live), earlier)
        }
        None => {
            let ended = match app.daemon.heard(job.id) {
                Some(kept) => kept,
                None => {
                    answer = Some(caller.answer(&app).await?);
                    Arc::new(jobs::of_ended(&app, &caller, &id).await?)
                }
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
        payer: caller.payer(&app)?,
        app,
        id,
        reader,
        what: Happenings { earlier },
        next: last.map_or(0, |last| last.saturating_add(1)),
        wait: query.follow,
        done: false,
        _place: caller.place(),
        _answer: answer,
    };
    Ok(follow.events())
}
