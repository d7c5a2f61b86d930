//! The four steps.

use std::collections::BTreeMap;

use serde::Serialize;

use super::key::Key;
use crate::image::{Digest, Target};
use crate::lock::RoleLock;

/// Raised whenever the runner that comes of the same packages differs from what an older daruma made.
const RUNNER_FORMAT: &str = "2";
/// The same for the compiled app's layers.
const COMPILED_FORMAT: &str = "1";
/// The same for app images.
const APP_FORMAT: &str = "1";

/// The numbers that the steps have had since the article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "u8")]
pub enum StepNumber {
    /// 1: the image that compiles.
    Builder,
    /// 2: source → compiled app.
    Compile,
    /// 3: the image that runs.
    Runner,
    /// 4: one image for each process.
    App,
}

impl From<StepNumber> for u8 {
    fn from(number: StepNumber) -> Self {
        number as Self + 1
    }
}

impl StepNumber {
    /// All four, in order.
    pub const ALL: [Self; 4] = [Self::Builder, Self::Compile, Self::Runner, Self::App];

    /// What people call the step.
    pub fn title(self) -> &'static str {
        match self {
            Self::Builder => "builder image",
            Self::Compile => "compile",
            Self::Runner => "runner image",
            Self::App => "app images",
        }
    }
}

/// Something that daruma decided, and where it read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was decided, e.g. `process web`.
    pub what: String,
    /// The decision, e.g. `bundle exec puma`.
    pub value: String,
    /// The file, with its line where it has one, e.g. `Procfile:1`; or `default`.
    pub from: String,
}

/// A process of the app, as far as its image is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessInput {
    /// Its name in the Procfile.
    pub name: String,
    /// What the image runs.
    pub entrypoint: Vec<String>,
}

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// The app's name.
    pub app: &'a str,
    /// The platform.
    pub target: &'a Target,
    /// Digest of the source without the recipe's own files.
    pub source: Digest,
    /// The recipe's files that the app may read at run time, by name, with their digests.
    pub metadata: BTreeMap<String, Digest>,
    /// The runner's inputs.
    pub runner: &'a RoleLock,
    /// Environment of the app's images, over the runner's.
    pub env: &'a BTreeMap<String, String>,
    /// The processes, in the order of the Procfile.
    pub processes: &'a [ProcessInput],
    /// `created` of the images, seconds since 1970.
    pub created: i64,
    /// All that was decided on the way here.
    pub decisions: Vec<Decision>,
}

/// A step's input: known, or known only after step 2 has run for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// The digest of the step's key.
    Known(Digest),
    /// The compiled app decides what the runner needs, and nothing was compiled yet.
    AwaitsStep2,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which one.
    pub number: StepNumber,
    /// What people call it.
    pub title: &'static str,
    /// Its input's digest.
    pub input: Input,
    /// Its inputs; `None` for a step that this app does not need.
    pub key: Option<Key>,
    /// What the step does for this app, one sentence.
    pub summary: String,
}

/// The whole plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The plan's format.
    pub version: u32,
    /// The app's name.
    pub app: String,
    /// The platform.
    pub platform: Target,
    /// What was decided, and from which file.
    pub decisions: Vec<Decision>,
    /// The four steps, in order.
    pub steps: Vec<Step>,
    /// `created` of the images, seconds since 1970.
    pub created: i64,
    /// The processes that become images.
    pub processes: Vec<ProcessInput>,
    /// Environment of the app's images, over the runner's.
    pub env: BTreeMap<String, String>,
}

impl Plan {
    /// The step with this number.
    pub fn step(&self, number: StepNumber) -> Option<&Step> {
        self.steps.iter().find(|step| step.number == number)
    }
}

/// Makes the plan. Pure: equal inputs give equal plans.
pub fn plan(inputs: Inputs<'_>) -> Plan {
    let compile = compile_key(&inputs);
    let runner = runner_key(inputs.runner, inputs.target);
    let app = app_key(&inputs, &compile, &runner);
    let steps = vec![
        not_needed(StepNumber::Builder, "nothing in this app is compiled"),
        needed(
            StepNumber::Compile,
            compile,
            "takes the source as it is".to_owned(),
        ),
        needed(StepNumber::Runner, runner, runner_summary(inputs.runner)),
        needed(StepNumber::App, app, app_summary(inputs.processes)),
    ];
    Plan {
        version: 1,
        app: inputs.app.to_owned(),
        platform: inputs.target.clone(),
        decisions: inputs.decisions,
        steps,
        created: inputs.created,
        processes: inputs.processes.to_vec(),
        env: inputs.env.clone(),
    }
}

fn not_needed(number: StepNumber, why: &str) -> Step {
    let input = Input::Known(Key::new().digest());
    Step {
        number,
        title: number.title(),
        input,
        key: None,
        summary: why.to_owned(),
    }
}

fn needed(number: StepNumber, key: Key, summary: String) -> Step {
    let input = Input::Known(key.digest());
    Step {
        number,
        title: number.title(),
        input,
        key: Some(key),
        summary,
    }
}

fn runner_summary(lock: &RoleLock) -> String {
    let packages = lock.packages.len();
    format!("{packages} Debian packages from {}", lock.suite)
}

fn app_summary(processes: &[ProcessInput]) -> String {
    let names: Vec<&str> = processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    names.join(", ")
}

fn compile_key(inputs: &Inputs<'_>) -> Key {
    Key::new()
        .text("compile format", COMPILED_FORMAT)
        .text("platform", inputs.target.to_string())
        .content("source", inputs.source)
}

/// The key of a runner: its packages, and how daruma assembles them.
fn runner_key(lock: &RoleLock, target: &Target) -> Key {
    let pins = |pins: &[crate::lock::PackagePin]| {
        pins.iter()
            .map(|pin| {
                (
                    pin.name.clone(),
                    format!("{} ({})", pin.version, &pin.sha256[..12]),
                )
            })
            .collect()
    };
    Key::new()
        .text("runner format", RUNNER_FORMAT)
        .text("platform", target.to_string())
        .text("suite", lock.suite.clone())
        .items("runner package", pins(&lock.packages))
        .items("package that configures the runner", pins(&lock.configure))
}

fn app_key(inputs: &Inputs<'_>, compile: &Key, runner: &Key) -> Key {
    let metadata = inputs
        .metadata
        .iter()
        .map(|(name, digest)| (name.clone(), digest.short()));
    let commands = inputs
        .processes
        .iter()
        .map(|process| (process.name.clone(), process.entrypoint.join(" ")));
    Key::new()
        .text("app image format", APP_FORMAT)
        .text("name", inputs.app)
        .content("compiled app", compile.digest())
        .content("runner", runner.digest())
        .items("process", commands.collect())
        .items("environment variable", inputs.env.clone())
        .items("file", metadata.collect())
        .text("created", inputs.created.to_string())
}
