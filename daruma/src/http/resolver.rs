//! Names looked up once per process.

#![allow(clippy::result_large_err)] // ureq's traits prescribe its error.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Authority;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

type Slot = Arc<Mutex<OnceLock<ResolvedSocketAddrs>>>;

/// Keeps what a name resolved to. Requests for one name wait for its first lookup; a failure is not kept.
#[derive(Clone, Default)]
pub(super) struct CachedResolver {
    slots: Arc<Mutex<HashMap<String, Slot>>>,
}

impl CachedResolver {
    fn slot(&self, key: String) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(key).or_default().clone()
    }
}

impl fmt::Debug for CachedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CachedResolver")
    }
}

impl Resolver for CachedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let key = format!(
            "{:?} {:?}",
            uri.scheme_str(),
            uri.authority().map(Authority::as_str)
        );
        let slot = self.slot(key);
        let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = slot.get() {
            return Ok(found.clone());
        }
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        Ok(slot.get_or_init(|| found).clone())
    }
}
