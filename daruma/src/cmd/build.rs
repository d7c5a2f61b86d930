//! `daruma build`

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::failure::{Failure, Kind};
use super::settings::Context;
use super::terminal::{seconds, size};
use crate::build::{Built, BuiltImage, Range, Session, build};
use crate::image::{InvalidReference, Layer, Reference};
use crate::plan::StepNumber;
use crate::store::NamedImage;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The app's directory
    dir: Option<PathBuf>,
    /// Do these steps only, e.g. 3 or 2-4
    #[arg(long, value_name = "N|N-M", value_parser = parse_range)]
    step: Option<Range>,
    /// Name of the web image, or of the only one; the others get `-<process>` behind it. The app's name without this
    #[arg(short, long, value_name = "REF")]
    tag: Option<String>,
    /// Also write the images, as an OCI layout in a directory or as one archive for Docker, Podman and skopeo
    #[arg(long, value_name = "oci:DIR|tar:FILE")]
    output: Vec<Output>,
    /// Also load the images into Docker, or into Podman where there is no Docker
    #[arg(long)]
    load: bool,
}

/// Where images go besides the store.
#[derive(Clone, Debug)]
enum Output {
    Layout(PathBuf),
    Archive(PathBuf),
}

impl std::str::FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("oci", path)) if !path.is_empty() => Ok(Self::Layout(path.into())),
            Some(("tar", path)) if !path.is_empty() => Ok(Self::Archive(path.into())),
            _ => Err("expected oci:DIR or tar:FILE (tar:- is standard output)".to_owned()),
        }
    }
}

fn parse_range(text: &str) -> Result<Range, String> {
    let number = |text: &str| {
        let found = StepNumber::ALL
            .into_iter()
            .find(|number| u8::from(*number).to_string() == text);
        found.ok_or_else(|| format!("`{text}` is not a step: they are 1, 2, 3 and 4"))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = Range {
        first: number(first)?,
        last: number(last)?,
    };
    if range.first > range.last {
        return Err(format!("step {first} comes after step {last}"));
    }
    Ok(range)
}

/// Builds.
pub(super) fn run(context: &Context, args: &BuildArgs) -> Result<u8, Failure> {
    let start = Instant::now();
    let project = context.project(&context.directory(args.dir.as_deref()))?;
    let session = context.session(&project)?;
    let tag = tag(args, project.recipe.name.as_str())?;
    let built = build(&session, &project, args.step.unwrap_or(Range::ALL))?;
    let images = named(&tag, &built)?;
    for output in &args.output {
        write(context, &session, output, &images)?;
    }
    if args.load {
        super::launch::load(context, &session, &images)?;
    }
    for image in &built.images {
        context.terminal.data(&line(&tag, &built, image)?);
    }
    context
        .terminal
        .say(&format!("done in {}", seconds(start.elapsed())));
    Ok(0)
}

fn tag(args: &BuildArgs, name: &str) -> Result<Reference, Failure> {
    let text = args.tag.as_deref().unwrap_or(name);
    text.parse()
        .map_err(|error: InvalidReference| Failure::new(Kind::Usage, error))
}

/// The names of a process's image, the shortest first: every process has `REF-<process>`, and web, or the only one, is
/// `REF` too.
fn names(tag: &Reference, process: &str, only: bool) -> Result<Vec<Reference>, Failure> {
    let plain = (only || process == "web").then(|| tag.clone());
    let suffixed = tag.with_suffix(&process.to_lowercase())?;
    Ok(plain.into_iter().chain([suffixed]).collect())
}

fn named(tag: &Reference, built: &Built) -> Result<Vec<NamedImage>, Failure> {
    let mut named = Vec::new();
    for image in &built.images {
        for name in names(tag, &image.process, built.images.len() == 1)? {
            named.push(NamedImage {
                name,
                image: image.image.clone(),
            });
        }
    }
    Ok(named)
}

/// One line for each process: its shortest name, the manifest's digest, and the size of its layers.
fn line(tag: &Reference, built: &Built, image: &BuiltImage) -> Result<String, Failure> {
    let names = names(tag, &image.process, built.images.len() == 1)?;
    let name = names.first().map(Reference::familiar).unwrap_or_default();
    let bytes: u64 = image.image.layers().iter().map(Layer::size).sum();
    Ok(format!("{name}  {}  {}", image.manifest, size(bytes)))
}

fn write(
    context: &Context,
    session: &Session<'_>,
    output: &Output,
    images: &[NamedImage],
) -> Result<(), Failure> {
    match output {
        Output::Layout(dir) => {
            session.store.export_layout(dir, images)?;
            context
                .terminal
                .say(&format!("wrote the OCI layout {}", dir.display()));
        }
        Output::Archive(path) if path.as_os_str() == "-" => {
            session
                .store
                .export_archive(&mut std::io::stdout().lock(), images)?;
        }
        Output::Archive(path) => {
            super::launch::write_archive(session, path, images)?;
            context.terminal.say(&format!("wrote {}", path.display()));
        }
    }
    Ok(())
}
