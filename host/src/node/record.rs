//! Recording a failed task's inputs, and running it again from them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{call::Call, state::JobState};
use crate::{
    job::{Encoded, RecordedObject, RecordedValue, TaskRecord},
    store::{ObjectRef, Resource, Value},
    types::{Arg, ErrorKind, TaskError, ValueData},
};

/// Collects what values lead to, each object once.
#[derive(Default)]
struct Collector {
    positions: FxHashMap<usize, usize>,
    objects: Vec<RecordedObject>,
    /// Objects whose values are still to be looked at, with their positions. They are held, so that keys stay theirs.
    open: Vec<(usize, ObjectRef)>,
}

impl Collector {
    fn value(&mut self, value: &Value) -> RecordedValue {
        let refs = value
            .refs()
            .iter()
            .map(|resource| self.resource(resource))
            .collect();
        // The record is of an error already: one that can't be read is left out.
        let bytes = value.to_bytes_blocking().unwrap_or_default();
        RecordedValue {
            bytes: Encoded(bytes.to_vec()),
            refs,
        }
    }

    fn resource(&mut self, resource: &Resource) -> usize {
        let at = self.objects.len();
        match resource {
            Resource::Object(object) => {
                if let Some(known) = self.positions.get(&object.key()) {
                    return *known;
                }
                self.positions.insert(object.key(), at);
                self.open.push((at, object.clone()));
                self.objects.push(RecordedObject::Pending);
            }
            Resource::Actor(_) | Resource::Stream(_) => self.objects.push(RecordedObject::Actor),
        }
        at
    }

    fn close(mut self) -> Vec<RecordedObject> {
        let mut held = Vec::new();
        while let Some((at, object)) = self.open.pop() {
            let recorded = match object.outcome() {
                Some(Ok(value)) => RecordedObject::Value(self.value(value)),
                Some(Err(error)) => RecordedObject::Error((**error).clone()),
                None => RecordedObject::Pending,
            };
            self.objects[at] = recorded;
            held.push(object);
        }
        self.objects
    }
}

/// Writes a failed task's inputs into the job's folder, if it has one. A failure to write is told in the error.
pub(crate) fn record(call: &Call, error: &mut TaskError) {
    let Some(dir) = &call.job().options.record else {
        return;
    };
    let Ok(args) = call.arguments() else { return };
    let mut collector = Collector::default();
    let inputs = args.iter().map(|value| collector.value(value)).collect();
    let (job, options) = (call.job(), &call.job().options);
    let record = TaskRecord {
        version: TaskRecord::current_version(),
        module: job.module.hash().to_string(),
        module_name: job.module_name.to_string(),
        task: call.function().name.to_string(),
        task_id: call.id,
        args: options.args.clone(),
        env: options.env.clone(),
        dirs: options.dirs.clone(),
        memory: call.settings().memory,
        inputs,
        objects: collector.close(),
        error: error.clone(),
    };
    if let Err(failed) = record.write(dir) {
        error.message = format!(
            "{} (and its inputs could not be recorded: {failed})",
            error.message
        );
    }
}

/// The recorded arguments, as arguments of a call in `job`.
///
/// # Errors
/// When they lead to an actor or to an object that was not there, which a replay can't have.
pub(crate) fn arguments(
    job: &Arc<JobState>,
    record: &TaskRecord,
) -> Result<Vec<Arg<Resource>>, TaskError> {
    let cant = |what: &str| {
        let message = format!(
            "`{}` can't be replayed: its inputs lead to {what}",
            record.task
        );
        TaskError::new(ErrorKind::BadArgument, message)
    };
    let objects: Vec<_> = record
        .objects
        .iter()
        .map(|_| ObjectRef::pending(job.next_object()))
        .collect();
    let data = |value: &RecordedValue| {
        let refs = value
            .refs
            .iter()
            .map(|at| Resource::Object(objects[*at].clone()))
            .collect();
        ValueData {
            bytes: value.bytes.0.clone().into(),
            refs,
        }
    };
    for (object, recorded) in objects.iter().zip(&record.objects) {
        let outcome = match recorded {
            RecordedObject::Value(value) => {
                let ValueData { bytes, refs } = data(value);
                Ok(Value::new(bytes, refs, None))
            }
            RecordedObject::Error(error) => Err(Arc::new(error.clone())),
            RecordedObject::Pending => return Err(cant("an object that was not there yet")),
            RecordedObject::Actor => return Err(cant("an actor")),
        };
        if let Ok(value) = &outcome {
            job.watch_refs(object, value);
        }
        object.complete(outcome);
    }
    Ok(record
        .inputs
        .iter()
        .map(|value| Arg::Value(data(value)))
        .collect())
}
