//! `daruma images`

use clap::Args;

use super::failure::Failure;
use super::settings::Context;
use super::terminal::size;
use crate::home::Home;
use crate::image::Layer;
use crate::store::Store;

/// Arguments of `images`.
#[derive(Debug, Args)]
pub(super) struct ImagesArgs {
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

/// Lists the store's images.
pub(super) fn run(context: &Context, args: &ImagesArgs) -> Result<u8, Failure> {
    let store = Store::open(&Home::from_env()?)?;
    let mut rows = Vec::new();
    for (name, entry) in store.refs()? {
        let image = store.image(entry.manifest.digest)?;
        let bytes: u64 = image.layers().iter().map(Layer::size).sum();
        rows.push((name, entry, bytes));
    }
    if args.json {
        let value = rows.iter().map(|(name, entry, bytes)| {
            serde_json::json!({
                "app": name.app.as_str(),
                "platform": name.target.to_string(),
                "role": name.role.to_string(),
                "manifest": entry.manifest.digest.to_string(),
                "bytes": bytes,
            })
        });
        context
            .terminal
            .data(&serde_json::Value::Array(value.collect()).to_string());
        return Ok(0);
    }
    for (name, entry, bytes) in &rows {
        let (app, role) = (name.app.as_str(), name.role.to_string());
        let digest = entry.manifest.digest.short();
        context.terminal.data(&format!(
            "{app}  {:14}  {role:10}  {digest}  {}",
            name.target,
            size(*bytes)
        ));
    }
    if rows.is_empty() {
        context.terminal.say("no images; `daruma build` makes some");
    }
    Ok(0)
}
