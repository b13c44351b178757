//! Objects, as they are seen from outside: those that a job lists weakly because their values are large, those that calls
//! which have not ended have as arguments, and those that failed calls left to whoever holds them.
//!
//! They come from several places in no common order, so [`Nearest`] keeps those with the lowest ids.

use std::{collections::BTreeMap, sync::Arc};

use smallvec::SmallVec;

use super::{COPIES, Filling, Page, Query};
use crate::{
    node::{
        call::Call,
        state::{JobState, NodeState},
        tenant::TenantState,
        times::{Moment, Time},
    },
    store::{ObjectRef, Resource, WeakObject},
    types::{Arg, ErrorView, ObjectState, ObjectView, TaskId},
};

/// Handles that are looked at for who holds what.
const HANDLES: usize = 1_000_000;

/// A job's objects whose values are large, by their numbers, as long as anybody holds them.
#[derive(Debug, Default)]
pub(crate) struct LargeObjects {
    objects: BTreeMap<u64, LargeObject>,
    /// Those that nobody holds any more are looked for when there are so many.
    prune_at: usize,
}

#[derive(Debug, Clone)]
struct LargeObject {
    object: WeakObject,
    by: TaskId,
    name: Arc<str>,
    made: Time,
}

impl LargeObjects {
    /// Adds one that `by` made.
    pub(in crate::node) fn add(&mut self, object: &ObjectRef, by: &Call, made: Time) {
        if self.objects.len() >= self.prune_at {
            self.objects.retain(|_, large| !large.object.is_gone());
            // Not again before as many have come.
            self.prune_at = 2 * self.objects.len() + 64;
        }
        let large = LargeObject {
            object: object.downgrade(),
            by: by.id,
            name: by.name().clone(),
            made,
        };
        self.objects.insert(object.id().number(), large);
    }
}

/// Objects: the large ones, those that calls have as arguments, and those with an error in their place.
pub(in crate::node) fn objects(
    node: &NodeState,
    tenant: Option<&Arc<TenantState>>,
    query: &Query<ObjectState>,
) -> Page<ObjectView> {
    let now = Moment::of(&node.times);
    let mut filling = Filling::new(query.limit);
    for (job, after) in query.jobs(node, tenant) {
        let mut found = Nearest::new(filling.wanted());
        large_objects(&job, after, query, now, &mut found);
        let failed = job.failed.pick(|failed| {
            let is_named = query.is_named(&[Some(&failed.name)]);
            is_named.then(|| {
                (
                    failed.objects.clone(),
                    failed.id,
                    failed.name.clone(),
                    failed.made,
                )
            })
        });
        for (objects, by, name, made) in failed {
            for object in objects.iter().filter_map(WeakObject::upgrade) {
                found.offer(after, &object, query, || {
                    let mut view = object_view(&job, &object)?;
                    (view.task, view.name) = (Some(by), Some(name.to_string()));
                    view.created_at = now.unix(made);
                    Some(view)
                });
            }
        }
        for call in job.registry.walk(0) {
            if query.name.is_some() {
                // Who made an argument is not known by name.
                break;
            }
            if !filling.look() {
                filling.page.partial = true;
                break;
            }
            for object in arguments(&call) {
                found.offer(after, &object, query, || object_view(&job, &object));
                found.is_argument_of(&object, call.id);
            }
        }
        find_handles(&job, &mut found);
        if filling.add(job.id, found.into_vec(), None) {
            break;
        }
    }
    filling.page
}

/// Whose sandboxes have handles of what was found.
fn find_handles(job: &JobState, found: &mut Nearest<ObjectView>) {
    let mut looks = HANDLES;
    for call in job.registry.walk(0) {
        let mut from = Some(0);
        while let Some(place) = from {
            let (held, next) = call.held(place);
            held.iter()
                .for_each(|number| found.is_held_by(*number, call.id));
            from = next;
            let Some(left) = looks.checked_sub(1 + held.len()) else {
                return;
            };
            looks = left;
        }
    }
}

fn large_objects(
    job: &JobState,
    after: u64,
    query: &Query<ObjectState>,
    now: Moment,
    found: &mut Nearest<ObjectView>,
) {
    let mut last = after;
    while let Some(from) = last.checked_add(1) {
        let large = job.large.lock();
        let part: Vec<_> = large.objects.range(from..).take(COPIES).collect();
        let part: Vec<_> = part.into_iter().map(|(n, one)| (*n, one.clone())).collect();
        drop(large);
        let Some((number, _)) = part.last() else {
            return;
        };
        last = *number;
        for (_, large) in part {
            if !query.is_named(&[Some(&large.name)]) {
                continue;
            }
            let Some(object) = large.object.upgrade() else {
                continue;
            };
            found.offer(after, &object, query, || {
                let mut view = object_view(job, &object)?;
                (view.task, view.name) = (Some(large.by), Some(large.name.to_string()));
                view.created_at = now.unix(large.made);
                Some(view)
            });
        }
        if found.is_full() {
            // What follows has higher numbers.
            return;
        }
    }
}

/// The objects among a call's arguments.
fn arguments(call: &Call) -> SmallVec<[ObjectRef; 4]> {
    let inputs = call.inputs.lock();
    let object = |arg: &Arg<Resource>| match arg {
        Arg::Object(Resource::Object(object)) => Some(object.clone()),
        Arg::Object(_) | Arg::Value(_) => None,
    };
    inputs.args.iter().filter_map(object).collect()
}

/// An object that is there.
fn object_view(job: &JobState, object: &ObjectRef) -> Option<ObjectView> {
    let id = object.id();
    let (size, state, error) = match object.outcome()? {
        Ok(value) => {
            let state = match () {
                () if !value.is_large() => ObjectState::Inline,
                () if value.spilled().is_some() => ObjectState::Spilled,
                () => ObjectState::Memory,
            };
            (value.len(), state, None)
        }
        Err(error) => (
            error.size(),
            ObjectState::Failed,
            Some(ErrorView::new(error)),
        ),
    };
    Some(ObjectView {
        id,
        job: job.origin,
        tenant: job.tenant.name.to_string(),
        size,
        state,
        // Without the one that is looked through.
        holders: object.holders().saturating_sub(1) as u64,
        task: id.maker(),
        name: None,
        created_at: None,
        arguments_of: Vec::new(),
        held_by: Vec::new(),
        error,
    })
}

/// The views with the lowest numbers among those that are offered, each once.
struct Nearest<V> {
    views: BTreeMap<u64, V>,
    most: usize,
}

impl<V> Nearest<V> {
    fn new(most: usize) -> Self {
        let views = BTreeMap::new();
        Self { views, most }
    }

    fn is_full(&self) -> bool {
        self.views.len() >= self.most
    }

    fn into_vec(self) -> Vec<(u64, V)> {
        self.views.into_iter().collect()
    }
}

impl Nearest<ObjectView> {
    /// A call that has not ended has it as an argument.
    fn is_argument_of(&mut self, object: &ObjectRef, call: TaskId) {
        if let Some(view) = self.views.get_mut(&object.id().number())
            && view.arguments_of.len() < ObjectView::ARGUMENTS
            && view.arguments_of.last() != Some(&call)
        {
            view.arguments_of.push(call);
        }
    }

    /// A sandbox has a handle of it.
    fn is_held_by(&mut self, number: u64, call: TaskId) {
        if let Some(view) = self.views.get_mut(&number)
            && view.held_by.len() < ObjectView::ARGUMENTS
            && view.held_by.last() != Some(&call)
        {
            view.held_by.push(call);
        }
    }

    fn offer(
        &mut self,
        after: u64,
        object: &ObjectRef,
        query: &Query<ObjectState>,
        view: impl FnOnce() -> Option<ObjectView>,
    ) {
        let number = object.id().number();
        let too_high = self.is_full()
            && self
                .views
                .last_key_value()
                .is_some_and(|(n, _)| *n < number);
        if number <= after || too_high || self.views.contains_key(&number) {
            return;
        }
        if let Some(view) = view().filter(|view| query.wants(&view.state)) {
            self.views.insert(number, view);
            if self.views.len() > self.most {
                self.views.pop_last();
            }
        }
    }
}
