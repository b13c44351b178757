//! The handle table of one sandbox: what its numbers name, and the ledger of what it holds.
//!
//! A handle is 9 bits of generation over 22 bits of index, never 0. A released place is used again under the next
//! generation, so a stale handle is refused until the generations of its place have gone round once (511 uses); it
//! could name something of its own sandbox only, never of another. The table is charged to the account in chunks for as many
//! as there ever were at once, since its places stay. Dropping it gives everything back.

use crate::{
    rt::guard::Guard,
    store::{ObjectRef, Resource, StreamRef},
    tenant::{self, Account, Charge, OverLimit},
};

const INDEX_BITS: u32 = 22;
const LAST_GENERATION: u32 = (1 << 9) - 1;
/// At most this many handles in one sandbox.
pub(super) const MAX_HANDLES: usize = 1 << INDEX_BITS;
const CHUNK: usize = 64;
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Place {
    generation: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Held(Resource),
    /// The next free place, or [`NONE`].
    Free(u32),
}

/// Why no handle can be made.
#[derive(Debug)]
pub(super) enum HandleError {
    /// The sandbox holds as many as one may.
    Full,
    /// The account may not hold more.
    Over(OverLimit),
}

impl std::fmt::Display for HandleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => write!(
                f,
                "a sandbox may hold {MAX_HANDLES} handles; release those that are not needed"
            ),
            Self::Over(over) => over.fmt(f),
        }
    }
}

#[derive(Debug)]
pub(super) struct HandleTable {
    places: Vec<Place>,
    free: u32,
    live: usize,
    charge: Charge,
    charged: usize,
}

impl HandleTable {
    pub(super) fn new(account: &Account) -> Result<Self, OverLimit> {
        Ok(Self {
            places: Vec::new(),
            free: NONE,
            live: 0,
            charge: account.charge(tenant::Resource::Handles, 0)?,
            charged: 0,
        })
    }

    /// How many handles there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// Makes sure that `n` more handles can be made.
    pub(super) fn reserve(&mut self, n: usize) -> Result<(), HandleError> {
        let wanted = self
            .live
            .checked_add(n)
            .filter(|wanted| *wanted <= MAX_HANDLES)
            .ok_or(HandleError::Full)?;
        if wanted <= self.charged {
            return Ok(());
        }
        let wanted = wanted.next_multiple_of(CHUNK);
        let more = u64::try_from(wanted - self.charged).expect("at most 2^22 handles");
        self.charge.grow(more).map_err(HandleError::Over)?;
        self.charged = wanted;
        Ok(())
    }

    /// Makes a handle.
    pub(super) fn insert(&mut self, resource: Resource) -> Result<u32, HandleError> {
        self.reserve(1)?;
        self.live += 1;
        #[cfg(feature = "guard-switch")]
        let copy = resource.clone();
        let content = Content::Held(resource);
        if self.free == NONE {
            let index = u32::try_from(self.places.len()).expect("at most 2^22 places");
            self.places.push(Place {
                generation: 1,
                content,
            });
            #[cfg(feature = "guard-switch")]
            foreign::remember(number(index, 1), copy);
            return Ok(number(index, 1));
        }
        let index = self.free;
        let place = &mut self.places[at(index)];
        place.generation = if place.generation == LAST_GENERATION {
            1
        } else {
            place.generation + 1
        };
        let Content::Free(next) = std::mem::replace(&mut place.content, content) else {
            unreachable!("the free list holds free places only");
        };
        self.free = next;
        #[cfg(feature = "guard-switch")]
        foreign::remember(number(index, place.generation), copy);
        Ok(number(index, place.generation))
    }

    /// What a handle names.
    pub(super) fn get(&self, handle: u32) -> Option<&Resource> {
        #[cfg(feature = "guard-switch")]
        if let Some(foreign) = self.find(handle).is_none().then(|| foreign::find(handle)) {
            return foreign;
        }
        self.find(handle)
    }

    fn find(&self, handle: u32) -> Option<&Resource> {
        let place = self.places.get(place(handle))?;
        match &place.content {
            Content::Held(resource)
                if place.generation == handle >> INDEX_BITS
                    || !Guard::HandleGeneration.stands() =>
            {
                Some(resource)
            }
            _ => None,
        }
    }

    /// The object that a handle names.
    pub(super) fn object(&self, handle: u32) -> Option<&ObjectRef> {
        match self.get(handle)? {
            Resource::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The stream that a handle names.
    pub(super) fn stream(&self, handle: u32) -> Option<&StreamRef> {
        match self.get(handle)? {
            Resource::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    /// The actor that a handle names.
    pub(super) fn actor(&self, handle: u32) -> Option<&Resource> {
        self.get(handle)
            .filter(|resource| matches!(resource, Resource::Actor(_)))
    }

    /// Releases a handle and gives what it named.
    pub(super) fn remove(&mut self, handle: u32) -> Option<Resource> {
        self.find(handle)?;
        let index = handle & ((1 << INDEX_BITS) - 1);
        let place = &mut self.places[at(index)];
        let Content::Held(resource) =
            std::mem::replace(&mut place.content, Content::Free(self.free))
        else {
            unreachable!("a handle that was found names something");
        };
        self.free = index;
        self.live -= 1;
        Some(resource)
    }
}

/// The place of a handle in its table; others had the place before, and will have it.
pub(super) fn place(handle: u32) -> usize {
    at(handle & ((1 << INDEX_BITS) - 1))
}

fn at(index: u32) -> usize {
    usize::try_from(index).expect("wrun runs on 64-bit hosts")
}

fn number(index: u32, generation: u32) -> u32 {
    generation << INDEX_BITS | index
}

/// One table for all, as there is none: only in the build for the hostile suite.
#[cfg(feature = "guard-switch")]
mod foreign {
    use std::collections::BTreeMap;

    use parking_lot::Mutex;

    use super::{Guard, Resource};

    /// Never freed, so that what is found can be borrowed.
    static TABLE: Mutex<BTreeMap<u32, &Resource>> = Mutex::new(BTreeMap::new());

    pub(super) fn remember(handle: u32, resource: Resource) {
        if !Guard::OwnHandles.stands() {
            TABLE.lock().insert(handle, Box::leak(Box::new(resource)));
        }
    }

    pub(super) fn find(handle: u32) -> Option<&'static Resource> {
        TABLE.lock().get(&handle).copied()
    }
}
