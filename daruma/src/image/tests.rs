//! Whole images: their documents to the letter, what survives a change, and what is refused.

use serde_json::{Value, json};

use super::*;

const EPOCH: i64 = 1_750_000_000;

fn time() -> Created {
    Created::from_unix(EPOCH).expect("in range")
}

fn layer(name: &str, compression: Compression) -> Layer {
    let history = History::new(&time(), &format!("daruma: {name}"));
    let (diff_id, blob) = (
        Digest::of(name.as_bytes()),
        Digest::of(format!("{name}.gz").as_bytes()),
    );
    Layer::new(diff_id, blob, 42, compression, history)
}

fn small_runner() -> Image {
    let spec = RunnerSpec {
        target: "linux/amd64".parse().expect("target"),
        layers: vec![layer("base", Compression::Gzip)],
        env: [("LANG", "C.UTF-8")].into_iter().collect(),
        label: RoleLabel::new(Digest::of(b"runner key")).with_fact("suite", "trixie"),
    };
    runner(&spec, time())
}

fn small_app(runner: &Image) -> Image {
    let compiled = CompiledApp {
        name: "shop".to_owned(),
        layers: vec![
            layer("deps", Compression::Gzip),
            layer("app", Compression::Gzip),
        ],
        label: RoleLabel::new(Digest::of(b"compiled key")),
    };
    let process = ProcessSpec {
        role: Role::app("web").expect("role"),
        entrypoint: vec!["bundle".to_owned(), "exec".to_owned(), "puma".to_owned()],
        path: vec!["/app/bin".to_owned()],
        env: [("RACK_ENV", "production")].into_iter().collect(),
    };
    app(runner, &compiled, &process, time())
}

fn pretty(bytes: &[u8]) -> String {
    let value: Value = serde_json::from_slice(bytes).expect("json");
    serde_json::to_string_pretty(&value).expect("json")
}

#[test]
fn an_application_image_is_this_oci_manifest_and_config() {
    let rendered = small_app(&small_runner())
        .render(Form::Oci)
        .expect("rendered");
    insta::assert_snapshot!(pretty(&rendered.manifest), @r#"
    {
      "config": {
        "digest": "sha256:f197ea75105ebcb4b562caa902e16eb652fe4374a67486775a3bc333e4cf3457",
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "size": 1381
      },
      "layers": [
        {
          "digest": "sha256:78d916809765a3dcd724a25538cad7a703dc8baa24266380d4e49f793d8d66a7",
          "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
          "size": 42
        },
        {
          "digest": "sha256:74e8bebc92058408c0141d4128f96b4631b35007e63890bf9098484a87ca6212",
          "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
          "size": 42
        },
        {
          "digest": "sha256:1ed03b12e94f7bce2f820e25c4abd52454fb84b54c5169f80b1e5f37a276df6b",
          "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
          "size": 42
        }
      ],
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "schemaVersion": 2
    }
    "#);
    insta::assert_snapshot!(pretty(&rendered.config), @r#"
    {
      "architecture": "amd64",
      "config": {
        "Entrypoint": [
          "bundle",
          "exec",
          "puma"
        ],
        "Env": [
          "PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          "LANG=C.UTF-8",
          "RACK_ENV=production"
        ],
        "Labels": {
          "dev.daruma.app": "shop",
          "dev.daruma.compiled": "{\"key\":\"sha256:0de49d7045c8d1f7c0ebe9b0a8172e7d09f0928bee103bb8f8b07679140c9969\",\"layers\":[\"sha256:f93464a48a2b9281080b555fac1081b1852154552800cbc6a2440ad1e3629033\",\"sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333\"],\"schema\":1}",
          "dev.daruma.process": "web",
          "dev.daruma.role": "app",
          "dev.daruma.runner": "{\"key\":\"sha256:391278c71ab79476a9c51f382a3ee44538e5439a24ba632788f550321fff2303\",\"layers\":[\"sha256:cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2\"],\"schema\":1,\"suite\":\"trixie\"}",
          "dev.daruma.target": "linux/amd64"
        },
        "User": "1000:1000",
        "WorkingDir": "/app"
      },
      "created": "2025-06-15T15:06:40Z",
      "history": [
        {
          "created": "2025-06-15T15:06:40Z",
          "created_by": "daruma: base"
        },
        {
          "created": "2025-06-15T15:06:40Z",
          "created_by": "daruma: deps"
        },
        {
          "created": "2025-06-15T15:06:40Z",
          "created_by": "daruma: app"
        }
      ],
      "os": "linux",
      "rootfs": {
        "diff_ids": [
          "sha256:cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2",
          "sha256:f93464a48a2b9281080b555fac1081b1852154552800cbc6a2440ad1e3629033",
          "sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"
        ],
        "type": "layers"
      }
    }
    "#);
}

#[test]
fn dockers_form_differs_in_media_types_alone_and_shares_the_config() {
    let image = small_app(&small_runner());
    let (oci, docker) = (
        image.render(Form::Oci).expect("oci"),
        image.render(Form::Docker).expect("docker"),
    );
    assert_eq!(oci.config, docker.config);
    insta::assert_snapshot!(pretty(&docker.manifest), @r#"
    {
      "config": {
        "digest": "sha256:f197ea75105ebcb4b562caa902e16eb652fe4374a67486775a3bc333e4cf3457",
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 1381
      },
      "layers": [
        {
          "digest": "sha256:78d916809765a3dcd724a25538cad7a703dc8baa24266380d4e49f793d8d66a7",
          "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
          "size": 42
        },
        {
          "digest": "sha256:74e8bebc92058408c0141d4128f96b4631b35007e63890bf9098484a87ca6212",
          "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
          "size": 42
        },
        {
          "digest": "sha256:1ed03b12e94f7bce2f820e25c4abd52454fb84b54c5169f80b1e5f37a276df6b",
          "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
          "size": 42
        }
      ],
      "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
      "schemaVersion": 2
    }
    "#);
}

#[test]
fn images_survive_both_forms_to_the_byte() {
    let image = small_app(&small_runner());
    for form in [Form::Oci, Form::Docker] {
        let first = image.render(form).expect("rendered");
        let read = Image::parse(&first.manifest, &first.config).expect("parsed");
        assert_eq!(read.form(), form);
        assert_eq!(read.render(form).expect("kept"), first);
        let rewritten = read
            .with_created(time())
            .render(form)
            .expect("written anew");
        assert_eq!(rewritten, first);
    }
}

#[test]
fn neither_label_says_anything_of_the_other_roles_inputs() {
    let (old, new) = (small_runner(), small_runner().with_label("x", "y"));
    let (a, b) = (small_app(&old), small_app(&new));
    assert_eq!(
        a.config().labels[label::COMPILED],
        b.config().labels[label::COMPILED]
    );
    assert_eq!(
        a.config().labels[label::RUNNER],
        old.config().labels[label::RUNNER]
    );
    assert_eq!(seam(&a).expect("readable"), Some(1));
    assert_eq!(
        seam(&a.with_layers(Vec::new())).map_err(|e| e.to_string()),
        Err(ImageError::Seam.to_string())
    );
}

#[test]
fn an_annotation_leaves_the_id_and_a_label_does_not() {
    let image = small_runner();
    let id = |image: &Image| image.render(Form::Oci).expect("rendered").id;
    let annotated = image.clone().with_annotation(annotation::REVISION, "abc");
    assert_eq!(id(&annotated), id(&image));
    assert_ne!(id(&image.clone().with_label("a", "b")), id(&image));
    let app = small_app(&annotated);
    assert!(
        app.annotations().is_empty(),
        "annotations of the runner are not the application's"
    );
}

/// A foreign image in Docker's form, with fields that daruma does not know on every level.
fn foreign() -> (Value, Value) {
    let config = json!({
        "docker_version": "20.10", "os": "linux", "architecture": "arm64", "variant": "v8",
        "created": "2024-01-02T03:04:05.678901234Z", "os.version": "1",
        "config": {"Env": ["B=1", "A=2"], "Cmd": null, "Healthcheck": {"Test": ["NONE"], "Interval": 30_000_000_000_u64}},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"one"), Digest::of(b"two")]},
        "history": [
            {"created_by": "ENV B=1", "empty_layer": true},
            {"created_by": "COPY one", "comment": "buildkit"},
            {"created_by": "COPY two"},
            {"created_by": "CMD", "empty_layer": true},
        ],
    });
    let blob = |name: &str| {
        json!({"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 7,
            "digest": Digest::of(name.as_bytes()), "annotations": {"k": name}})
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "x-unknown": {"kept": true}, "layers": [blob("1"), blob("2")],
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json"},
    });
    (manifest, config)
}

/// The bytes of both documents, the manifest pointing at the config.
fn bytes(mut manifest: Value, config: &Value) -> (Vec<u8>, Vec<u8>) {
    let config = serde_json::to_vec_pretty(config).expect("json");
    manifest["config"]["digest"] = json!(Digest::of(&config));
    manifest["config"]["size"] = json!(config.len());
    (serde_json::to_vec_pretty(&manifest).expect("json"), config)
}

#[test]
fn foreign_images_keep_their_bytes_and_after_a_change_their_unknown_fields() {
    let (manifest, config) = foreign();
    let (manifest, config) = bytes(manifest, &config);
    let image = Image::parse(&manifest, &config).expect("parsed");
    let same = image.render(Form::Docker).expect("kept");
    assert_eq!((&*same.manifest, &*same.config), (&*manifest, &*config));
    assert_eq!(
        &*image.render(Form::Oci).expect("converted").config,
        &*config
    );

    let changed = small_app(&image).render(Form::Docker).expect("changed");
    let value: Value = serde_json::from_slice(&changed.config).expect("json");
    assert_eq!(value["docker_version"], "20.10");
    assert_eq!(value["os.version"], "1");
    assert_eq!(value["variant"], "v8");
    assert_eq!(
        value["config"]["Healthcheck"]["Interval"],
        30_000_000_000_u64
    );
    let made_by = |entry: &Value| entry["created_by"].as_str().map(str::to_owned);
    let history: Vec<_> = value["history"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(made_by)
        .collect();
    assert_eq!(
        history,
        [
            "ENV B=1",
            "COPY one",
            "COPY two",
            "CMD",
            "daruma: deps",
            "daruma: app"
        ]
    );
    let value: Value = serde_json::from_slice(&changed.manifest).expect("json");
    assert_eq!(value["x-unknown"], json!({"kept": true}));
    assert_eq!(value["layers"][1]["annotations"]["k"], "2");
}

#[test]
fn hostile_documents_are_refused_with_the_reason() {
    type Change = fn(&mut Value, &mut Value);
    let rows: [(&str, Change, &str); 9] = [
        (
            "schema 1",
            |m, _| m["schemaVersion"] = json!(1),
            "its schemaVersion is not 2",
        ),
        (
            "two kinds at once",
            |m, _| m["manifests"] = json!([]),
            "both `layers` and `manifests`",
        ),
        (
            "an artifact",
            |m, _| m["mediaType"] = json!("text/plain"),
            "not the manifest of an image",
        ),
        (
            "128 layers",
            |m, _| m["layers"] = json!(vec![m["layers"][0].clone(); 128]),
            "more than 127 layers",
        ),
        (
            "a layer too many",
            |m, _| m["layers"] = json!([m["layers"][0]]),
            "names 2 layers, and the manifest 1",
        ),
        (
            "a negative size",
            |m, _| m["layers"][0]["size"] = json!(-1),
            "cannot read the image's manifest",
        ),
        (
            "a foreign layer",
            |m, _| {
                m["layers"][0]["mediaType"] =
                    json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
            },
            "its media type is `application/vnd.docker.image.rootfs.foreign.diff.tar.gzip`",
        ),
        (
            "no platform",
            |_, c| c["os"] = json!("../.."),
            "its platform is not one",
        ),
        (
            "a diffID of another kind",
            |_, c| c["rootfs"]["diff_ids"][0] = json!("md5:1"),
            "cannot read the image's config",
        ),
    ];
    for (name, change, message) in rows {
        let (mut manifest, mut config) = foreign();
        change(&mut manifest, &mut config);
        let (manifest, config) = bytes(manifest, &config);
        let error = Image::parse(&manifest, &config)
            .map(|_| ())
            .map_err(|e| e.to_string())
            .expect_err(name);
        assert!(error.contains(message), "{name}: {error}");
    }
}

#[test]
fn a_config_that_the_manifest_does_not_name_is_refused() {
    let (manifest, config) = foreign();
    let (manifest, mut config) = bytes(manifest, &config);
    config.push(b' ');
    let error = Image::parse(&manifest, &config).map(|_| ());
    assert!(
        matches!(error, Err(ImageError::OtherConfig { .. })),
        "{error:?}"
    );
}

#[test]
fn documents_beyond_their_limit_or_cut_anywhere_are_refused() {
    let (manifest, config) = foreign();
    let (manifest, config) = bytes(manifest, &config);
    let long = vec![b' '; MAX_MANIFEST + 1];
    assert!(matches!(
        Image::parse(&long, &config),
        Err(ImageError::TooLarge { .. })
    ));
    for end in 0..manifest.len() {
        assert!(Image::parse(&manifest[..end], &config).is_err(), "{end}");
    }
    let deep = "[".repeat(100_000);
    assert!(Manifest::parse(deep.as_bytes()).is_err());
}

#[test]
fn zstd_layers_have_no_place_in_dockers_manifests() {
    let image = small_runner().on_top(&[layer("z", Compression::Zstd)]);
    assert!(image.render(Form::Oci).is_ok());
    assert!(matches!(
        image.render(Form::Docker),
        Err(ImageError::ZstdForDocker { .. })
    ));
}

#[test]
fn a_history_of_another_length_is_left_out_and_new_layers_get_bare_neighbours() {
    let (manifest, mut config) = foreign();
    config["history"] = json!([{"created_by": "one of two"}]);
    let (manifest, config) = bytes(manifest, &config);
    let image = Image::parse(&manifest, &config).expect("parsed");
    assert!(
        image
            .layers()
            .iter()
            .all(|layer| layer.history().is_empty())
    );
    let grown = image
        .on_top(&[layer("new", Compression::Gzip)])
        .render(Form::Oci)
        .expect("rendered");
    let value: Value = serde_json::from_slice(&grown.config).expect("json");
    assert_eq!(value["history"].as_array().map(Vec::len), Some(3));
}

#[test]
fn labels_of_a_later_schema_are_named() {
    let image = small_runner().with_label(label::RUNNER, r#"{"schema":2,"key":5}"#);
    let error = RoleLabel::of(&image, label::RUNNER).map_err(|e| e.to_string());
    let text = "cannot read the image's label `dev.daruma.runner`: its schema is 2, and this daruma knows 1";
    assert_eq!(error.expect_err("refused"), text);
}

#[test]
fn an_index_finds_the_manifest_of_a_target_in_either_form() {
    let targets =
        ["linux/amd64", "linux/arm64/v8"].map(|text| text.parse::<Target>().expect("target"));
    let manifest = |target: &Target| {
        Descriptor::of(MediaType::Manifest(Form::Oci), target.arch().as_bytes()).on(target)
    };
    for form in [Form::Oci, Form::Docker] {
        let index = Index::new(form, targets.iter().map(manifest).collect());
        let read = Index::parse(&index.render().expect("rendered")).expect("parsed");
        assert_eq!(read, index);
        assert_eq!(read.for_target(&targets[1]), Some(&manifest(&targets[1])));
    }
    let two_kinds = br#"{"schemaVersion":2,"manifests":[],"layers":[]}"#;
    assert!(Index::parse(two_kinds).is_err());
}
