//! What tasks, actors and refs promise: one case for each promise.
//!
//! The same source runs natively, as tests of local mode (`tests/semantics.rs` includes it), and in sandboxes, as a module
//! whose `main` runs the cases that its arguments name, or all. It takes four slots for granted.
//!
//! A case panics when the promise is broken. Times are asserted with room for a busy machine.

#![forbid(unsafe_code)]

use wrun::prelude::*;

mod actors;
mod cancelling;
mod errors;
mod lifetimes;
mod refs;
mod streams;
mod tasks;
mod tools;
mod waiting;

/// A case's result: an error that nobody expected is as bad as a panic.
pub(crate) type Checked = Result<()>;

/// Hands all cases to a macro, so that tests can be made of them.
macro_rules! for_each_case {
    ($macro:ident) => {
        $macro! {
            tasks::{
                ordinary_call, remote_call, values_of_all_sorts, nothing_in_nothing_out, sleepers_run_side_by_side,
                slots_are_a_limit, dependencies_are_replaced_by_their_values, a_long_chain, nested_calls_on_few_slots,
                a_recursion, several_results, several_results_of_a_result, map_sends_many, options_are_accepted,
                large_values_travel, borrowed_arguments, context_tells_where, a_task_inside_a_function
            }
            waiting::{
                get_keeps_the_order, get_of_a_tuple, get_of_nothing, get_times_out_and_the_task_goes_on,
                get_gives_the_first_error_at_once, wait_keeps_the_order, wait_gives_at_most_what_was_asked,
                wait_times_out, wait_counts_errors_as_ready, wait_refuses_nonsense, as_completed_orders_by_time,
                as_completed_of_nothing
            }
            errors::{
                an_err_is_the_message, a_panic_tells_its_place, dependents_fail_with_the_same_cause,
                a_wrong_type_names_the_argument, a_wrong_type_is_told_by_get, retries_of_errors, no_retries_unless_asked,
                what_can_never_run_fails_at_once, a_timeout_ends_a_sleeper, causes_are_shown, question_mark_converts
            }
            cancelling::{
                a_sleeper_is_cancelled, a_queued_task_never_starts, children_are_cancelled_too, children_go_on_when_asked,
                what_is_done_stays, a_waiting_task_is_cancelled, dependents_of_a_cancelled_task_fail
            }
            actors::{
                methods_keep_their_order, state_lives_on, an_err_leaves_it_alive, a_panic_kills_it,
                a_failed_constructor_shows_in_calls, handles_travel, names_are_found, taken_names,
                an_argument_that_waits_holds_back_the_caller, other_callers_overtake, idle_actors_hold_no_slots,
                blocked_methods_hold_no_slots, an_actor_knows_itself, methods_have_options, methods_with_several_results,
                too_many_pending_calls, a_wrapped_type, constructor_arguments_may_be_refs, helpers_are_not_remote,
                actors_call_actors
            }
            lifetimes::{
                kill_fails_pending_calls, terminate_finishes_pending_calls, the_last_handle_ends_it,
                a_detached_actor_outlives_its_handles, it_restarts_after_a_panic, it_restarts_after_a_kill,
                a_killed_name_is_free, calls_after_the_end_fail, pending_calls_keep_it_alive
            }
            streams::{
                items_in_order, items_come_as_they_are_made, an_error_comes_last, an_endless_stream_is_left,
                next_times_out, a_method_streams, an_empty_stream, a_failed_argument_of_a_stream
            }
            refs::{
                refs_inside_values_stay_refs, refs_inside_structs, a_returned_ref, a_ref_to_a_ref, put_and_share,
                put_keeps_what_is_inside, refs_print, refs_mean_nothing_outside, erased_refs, a_ref_twice_in_a_value,
                a_value_that_does_not_serialize
            }
            tools::{pool_in_order, pool_unordered, pool_by_hand, pool_of_failing_calls}
        }
    };
}
#[cfg(test)]
pub(crate) use for_each_case;

macro_rules! list {
    ($($module:ident::{$($case:ident),*})*) => {
        /// All cases, by name.
        pub(crate) const CASES: &[(&str, fn() -> Checked)] = &[$($((stringify!($case), $module::$case)),*),*];
    };
}
for_each_case!(list);

/// Runs the cases that are named, or all.
#[wrun::main]
fn main() -> Result<()> {
    let names: Vec<String> = std::env::args().skip(1).collect();
    for name in &names {
        ensure!(
            CASES.iter().any(|(case, _)| case == name),
            "there is no case `{name}`"
        );
    }
    for (name, case) in CASES {
        if names.is_empty() || names.iter().any(|asked| asked == name) {
            case().map_err(|error| Error::new(format!("{name}: {error}")))?;
            println!("{name}: ok");
        }
    }
    Ok(())
}

/// A clock for cases.
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    /// Starts it.
    #[allow(clippy::disallowed_methods, reason = "the cases measure real time")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Milliseconds since the start.
    pub(crate) fn ms(&self) -> u128 {
        self.0.elapsed().as_millis()
    }
}

/// Sleeps, then gives the milliseconds back.
#[wrun::task]
pub(crate) fn nap(ms: u64) -> u64 {
    wrun::sleep(Duration::from_millis(ms));
    ms
}

/// Adds.
#[wrun::task]
pub(crate) fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// Fails after a while.
#[wrun::task]
pub(crate) fn fail(ms: u64, message: String) -> Result<i64, String> {
    wrun::sleep(Duration::from_millis(ms));
    Err(message)
}

/// Counts.
#[wrun::actor]
pub(crate) struct Counter {
    value: i64,
}

#[wrun::actor]
impl Counter {
    /// Starts at a number.
    pub(crate) fn new(start: i64) -> Self {
        Counter { value: start }
    }

    /// Adds one.
    pub(crate) fn inc(&mut self) -> i64 {
        self.value += 1;
        self.value
    }

    /// Adds so many.
    pub(crate) fn add(&mut self, n: i64) -> i64 {
        self.value += n;
        self.value
    }

    /// Tells.
    pub(crate) fn value(&self) -> i64 {
        self.value
    }
}
