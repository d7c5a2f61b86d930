//! How a runner image and an application image are put together: the one place, for `build` and `rebase` alike.

use super::{Created, Env, Image, Layer, Role, RoleLabel, Target, label};

/// Where the application stands.
pub const APP_DIR: &str = "/app";

/// The user and group that the application runs as.
pub const APP_USER: &str = "1000:1000";

/// `PATH` where nobody says another: Debian's for root, which Docker takes too.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a runner image is made of.
#[derive(Clone, Debug)]
pub struct RunnerSpec {
    /// The platform.
    pub target: Target,
    /// Its layers, lowest first.
    pub layers: Vec<Layer>,
    /// Its environment; `PATH` is added where it is not set.
    pub env: Env,
    /// What it was made from.
    pub label: RoleLabel,
}

/// What a compiled application brings to every image that it is put into.
#[derive(Clone, Debug)]
pub struct CompiledApp {
    /// The application's name.
    pub name: String,
    /// Its layers, lowest first: facts, dependencies, application.
    pub layers: Vec<Layer>,
    /// What it was made from.
    pub label: RoleLabel,
}

/// What one process adds.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// Whose image this is.
    pub role: Role,
    /// Program and arguments, started without a shell between.
    pub entrypoint: Vec<String>,
    /// Directories that come before the runner's `PATH`.
    pub path: Vec<String>,
    /// Variables that are added to the runner's, or replace them.
    pub env: Env,
}

/// A runner image. It has neither entrypoint nor command: alone it runs nothing.
pub fn runner(spec: &RunnerSpec, created: Created) -> Image {
    let image = Image::scratch(&spec.target, created).with_layers(spec.layers.clone());
    let mut config = image.config().clone();
    config
        .env
        .set("PATH", spec.env.get("PATH").unwrap_or(DEFAULT_PATH));
    for (name, value) in spec.env.iter() {
        config.env.set(name, value);
    }
    let label = spec.label.clone().with_layers(&spec.layers);
    config
        .labels
        .insert(label::RUNNER.to_owned(), label.render());
    config
        .labels
        .insert(label::ROLE.to_owned(), Role::Runner.kind().to_owned());
    config
        .labels
        .insert(label::TARGET.to_owned(), spec.target.to_string());
    image.with_config(config)
}

/// The application on its runner, for one process. The runner's config stays, but for what a process is: user,
/// directory, program and environment. Its annotations do not: they are about the runner.
pub fn app(
    runner: &Image,
    compiled: &CompiledApp,
    process: &ProcessSpec,
    created: Created,
) -> Image {
    let mut config = runner.config().clone();
    APP_USER.clone_into(&mut config.user);
    APP_DIR.clone_into(&mut config.working_dir);
    config.entrypoint.clone_from(&process.entrypoint);
    config.cmd.clear();
    process_env(&mut config.env, process);
    let label = compiled.label.clone().with_layers(&compiled.layers);
    let target = runner.target().to_string();
    let labels = [
        (label::COMPILED, label.render()),
        (label::APP, compiled.name.clone()),
        (label::ROLE, process.role.kind().to_owned()),
        (label::TARGET, target),
    ];
    config
        .labels
        .extend(labels.map(|(name, value)| (name.to_owned(), value)));
    if let Role::App(name) = &process.role {
        config
            .labels
            .insert(label::PROCESS.to_owned(), name.clone());
    }
    let image = runner.clone().on_top(&compiled.layers).with_config(config);
    image.with_created(created).with_annotations([].into())
}

fn process_env(env: &mut Env, process: &ProcessSpec) {
    for (name, value) in process.env.iter() {
        env.set(name, value);
    }
    if !process.path.is_empty() {
        let below = env.get("PATH").unwrap_or(DEFAULT_PATH);
        let path = format!("{}:{below}", process.path.join(":"));
        env.set("PATH", &path);
    }
}
