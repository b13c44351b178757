//! Many of everything. [`many`] has the sizes that must work, [`deadlock`] what could lock up, [`tiers`] more than fits
//! memory: each runs with one slot, with two, and with a pool of four. The second argument of a case is its size, where it has one.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "rates are printed for people to read")]

pub mod deadlock;
pub mod many;
pub mod tiers;

use cases::Case;

/// All cases.
pub const CASES: &[Case] = cases::cases![
    many: [
        recursion,
        nesting,
        queued,
        failing_chain,
        chain_of_values,
        living_actors,
        refs_in_one_wait,
        small_tasks,
        small_tasks_from_four,
        actor_calls,
        actor_calls_one_by_one,
        one_at_a_time,
        puts_and_gets,
    ],
    deadlock: [
        chain,
        tree_spawned_before_the_first_get,
        two_actors_flood_each_other,
        writers_fill_the_store_holding_refs,
        actor_waits_for_a_task_that_calls_it_later,
        everyone_waits_for_the_queue,
    ],
    tiers: [
        puts_beyond_memory,
        results_and_arguments_beyond_memory,
        nested_arguments_beyond_memory,
    ],
];

/// The size that the program's second argument gives, or this one.
pub(crate) fn size(default: u64) -> u64 {
    std::env::args()
        .nth(2)
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    cases::main(CASES)
}
