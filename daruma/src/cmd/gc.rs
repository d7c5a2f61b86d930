//! `daruma gc`

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::settings::Context;
use super::terminal::size;
use crate::build::forget_gone_apps;
use crate::engine;
use crate::home::Home;
use crate::store::{GcPolicy, Store};

/// Arguments of `gc`.
#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// Also remove packages that nothing used for this many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    packages_unused_for: u64,
    /// Also read every blob and remove the damaged ones; the next build makes them again
    #[arg(long)]
    verify: bool,
}

/// Removes what nothing needs.
pub(super) fn run(context: &Context, args: &GcArgs) -> Result<u8, Failure> {
    let home = Home::from_env()?;
    engine::sweep(&home.tmp())?;
    let policy = GcPolicy {
        packages_unused_for: Duration::from_secs(args.packages_unused_for.saturating_mul(86_400)),
        ..GcPolicy::default()
    };
    let store = Store::open(&home)?;
    if args.verify {
        remove_damaged(context, &store)?;
    }
    for app in forget_gone_apps(&home, &store)? {
        context
            .terminal
            .data(&format!("forgot {app}: its directory is gone"));
    }
    let report = store.gc(&policy)?;
    let rows = [
        ("blobs", report.blobs),
        ("unpacked layers", report.roots),
        ("packages", report.packages),
        ("leftovers", report.leftovers),
    ];
    for (what, removed) in rows.iter().filter(|(_, removed)| removed.count > 0) {
        context.terminal.data(&format!(
            "removed {} {what}, {}",
            removed.count,
            size(removed.bytes)
        ));
    }
    if rows.iter().all(|(_, removed)| removed.count == 0) {
        context.terminal.say("nothing to remove");
    }
    for (path, why) in &report.stuck {
        context
            .terminal
            .warn(&format!("cannot remove {}: {why}", path.display()));
    }
    Ok(0)
}

fn remove_damaged(context: &Context, store: &Store) -> Result<(), Failure> {
    let damaged = store.verify_all()?;
    store.discard(&damaged)?;
    for damage in &damaged {
        let short = damage.digest.short();
        context
            .terminal
            .data(&format!("removed the damaged blob {short}"));
    }
    Ok(())
}
