//! What `start`, `exec`, `shell` and `build` share: an engine, an app's image as a job, and images handed on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::failure::{Failure, Kind};
use super::settings::Context;
use crate::build::{Built, BuiltImage, Project, Session};
use crate::engine::{Job, SandboxEngine, job, layers};
use crate::home::AtomicFile;
use crate::image::Image;
use crate::recipe::{Dotenv, Secret};
use crate::store::NamedImage;

/// The engine that runs jobs here.
pub(super) fn engine(session: &Session<'_>) -> Result<SandboxEngine, Failure> {
    Ok(SandboxEngine::for_apps(&session.home.tmp())?)
}

/// `image` as a job; `argv` replaces what it runs.
pub(super) fn image_job(
    session: &Session<'_>,
    engine: &SandboxEngine,
    image: &Image,
    argv: Option<Vec<String>>,
) -> Result<Job, Failure> {
    let layers = layers(&session.store, image, &engine.ids())?;
    Ok(job(image, layers, argv))
}

/// The image of `process`, or of the app's first process where none is named.
pub(super) fn image_of<'b>(
    built: &'b Built,
    process: Option<&str>,
) -> Result<&'b BuiltImage, Failure> {
    let found = match process {
        Some(name) => built.images.iter().find(|image| image.process == name),
        None => built
            .images
            .iter()
            .find(|image| image.process == "web")
            .or(built.images.first()),
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = built
            .images
            .iter()
            .map(|image| image.process.as_str())
            .collect();
        let name = process.unwrap_or("web");
        Failure::new(
            Kind::Usage,
            format!(
                "no process `{name}` is declared; there is {}",
                names.join(", ")
            ),
        )
    })
}

/// The variables of `.env`, which are secrets.
pub(super) fn dotenv(project: &Project) -> BTreeMap<String, String> {
    let dotenv = project.recipe.dotenv.iter().flat_map(Dotenv::iter);
    dotenv
        .map(|(name, variable)| {
            (
                name.as_str().to_owned(),
                Secret::expose(&variable.value).to_owned(),
            )
        })
        .collect()
}

/// Writes the archive of `images` to `path`, whole or not at all.
pub(super) fn write_archive(
    session: &Session<'_>,
    path: &Path,
    images: &[NamedImage],
) -> Result<(), Failure> {
    let mut file = AtomicFile::beside(path)?;
    session.store.export_archive(&mut file, images)?;
    Ok(file.commit()?)
}

/// Hands `images` to Docker, or to Podman where there is no Docker.
pub(super) fn load(
    context: &Context,
    session: &Session<'_>,
    images: &[NamedImage],
) -> Result<(), Failure> {
    for program in ["docker", "podman"] {
        let child = Command::new(program)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let mut child = match child {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if let Some(mut stdin) = child.stdin.take() {
            // Where the program ends early, its own message says why; a broken pipe says nothing.
            let _ = session.store.export_archive(&mut stdin, images);
        }
        if child.wait()?.success() {
            context
                .terminal
                .say(&format!("loaded {} images into {program}", images.len()));
            return Ok(());
        }
        let error = format!("`{program} load` failed");
        return Err(Failure::new(Kind::Failed, error).hint(format!("{program} info")));
    }
    let error = "cannot load images: neither docker nor podman is on the PATH";
    Err(Failure::new(Kind::Failed, error).hint("daruma build --output tar:app.tar"))
}
