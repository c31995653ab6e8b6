use super::*;

const ROOT: &str = "mlflow-artifacts:/1/r0/artifacts";
const RUN: Owner<'_> = Owner::Run(Some(Place { id: "r0", root: Some(ROOT) }));
const NO_RUN: Owner<'_> = Owner::Run(None);
const LOCAL_RUN: Owner<'_> = Owner::Run(Some(Place { id: "r0", root: Some("file:///data/r0") }));
const MODEL: Owner<'_> =
    Owner::Model(Place { id: "m-1", root: Some("mlflow-artifacts:/1/models/m-1/artifacts") });

#[track_caller]
fn allowed(source: &str, owner: Owner<'_>) {
    if let Err(error) = check(source, owner) {
        panic!("{source} was refused: {error}");
    }
}

#[track_caller]
fn refused(source: &str, owner: Owner<'_>, why: &str) {
    let error = check(source, owner).expect_err(source);
    assert!(error.message.contains(why), "{source}: {error}");
}

const RELATIVE: &str = "without relative path references";
const MISPLACED: &str = "must identify the resource that contains the source";
const LOCAL: &str = "To use a local path as a model version source";

#[test]
fn artifacts_of_the_run_itself() {
    allowed(ROOT, RUN);
    allowed("mlflow-artifacts:/1/r0/artifacts/model", RUN);
    allowed("mlflow-artifacts:/1/r0/artifacts//a%20b", RUN);
    refused("mlflow-artifacts:/1/r1/artifacts/model", RUN, MISPLACED);
    refused("mlflow-artifacts:/1/r0/artifacts2", RUN, MISPLACED);
    refused("mlflow-artifacts:/1/r0/artifacts/model", NO_RUN, MISPLACED);
    refused("mlflow-artifacts://host/1/r0/artifacts/model", RUN, MISPLACED);
    let gone = Owner::Run(Some(Place { id: "r9", root: None }));
    refused("mlflow-artifacts:/1/r0/artifacts/model", gone, MISPLACED);
}

#[test]
fn steps_up_in_any_disguise() {
    for source in [
        "mlflow-artifacts:/1/r0/artifacts/../../r1",
        "mlflow-artifacts:/1/r0/artifacts/%2e%2e/x",
        "mlflow-artifacts:/1/r0/artifacts/%252e%252e/x",
        "mlflow-artifacts:/1/r0/artifacts/..%2fx",
        "s3://b/../x",
        "s3://b/%252e%252e/x",
        "s3://b/./x",
        "s3://b/a%00b",
        "runs:/r0/../x",
    ] {
        refused(source, RUN, RELATIVE);
    }
}

#[test]
fn a_run_or_model_goes_with_its_own_id() {
    allowed("runs:/r0/model", RUN);
    refused("runs:/r1/model", RUN, MISPLACED);
    refused("runs://host/r0/model", RUN, MISPLACED);
    refused("runs:/r0/model", NO_RUN, MISPLACED);
    refused("runs:/r0/model", MODEL, MISPLACED);
    allowed("models:/m-1", MODEL);
    refused("models:/m-2", MODEL, MISPLACED);
    refused("models:/m-1", RUN, MISPLACED);
    refused("models:/m-1", RUN, "The model_id request parameter");
    allowed("models:/name/3", RUN);
    allowed("models:/name/3", MODEL);
    allowed("mlflow-artifacts:/1/models/m-1/artifacts", MODEL);
    refused("mlflow-artifacts:/1/models/m-2/artifacts", MODEL, MISPLACED);
}

#[test]
fn stores_elsewhere_pass() {
    for source in ["s3://b/x", "s3://b/x?y=1", "gs://b/x", "dbfs:/x", "wasbs://c@a.blob/x"] {
        allowed(source, NO_RUN);
        allowed(source, RUN);
        allowed(source, MODEL);
    }
    refused("dbfs:x", NO_RUN, RELATIVE);
}

#[test]
fn paths_of_this_machine_only_within_the_run() {
    allowed("/data/r0/model", LOCAL_RUN);
    allowed("file:///data/r0/model", LOCAL_RUN);
    allowed("file:/data/r0", LOCAL_RUN);
    allowed("file:///data/r0/.", LOCAL_RUN);
    allowed("/data/r0/model/..", LOCAL_RUN);
    allowed("/data/r0/%2e/model", LOCAL_RUN);
    for source in [
        "/etc/passwd",
        "file:///etc/passwd",
        "/data/r0/../r1",
        "/data/r0/%2e%2e/r1",
        "/data/r0/..",
        "/../data/r0",
        "/data/r0/%2e%2e%2f%2e%2e/etc",
        "/data/r00",
        "data/r0/model",
        "C:\\data",
        "dummy-source",
        "",
    ] {
        refused(source, LOCAL_RUN, LOCAL);
        refused(source, NO_RUN, LOCAL);
    }
    refused("/1/r0/artifacts", RUN, LOCAL);
}

#[test]
fn hosts_of_the_clients_choice_are_not_called() {
    for source in ["http://evil/x", "HTTPS://h/x", "ftp:///x", "mlflow-artifacts://host:1/x"] {
        let error = check_scheme("source", source).unwrap_err();
        assert!(error.message.starts_with("'source' cannot use the '"), "{error}");
    }
    for source in ["s3://b/x", "mlflow-artifacts:/1/x", "/etc", "runs:/r/x", "models:/a/1"] {
        check_scheme("source", source).unwrap();
    }
}

#[test]
fn model_uris_in_all_forms() {
    let read = |uri: &str| model_uri(uri).map_err(|error| error.message);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(read("s3://b/x"), Ok(None));
    assert_eq!(read("models:/m-1"), Ok(Some(ModelUri::Logged("m-1".into()))));
    let (name, version) = pair("a b", "12");
    assert_eq!(read("models:/a b/12"), Ok(Some(ModelUri::Version(name, version))));
    assert_eq!(read("models:/a/Latest"), Ok(Some(ModelUri::Latest("a".into()))));
    let (name, stage) = pair("a", "Production");
    assert_eq!(read("models:/a/Production"), Ok(Some(ModelUri::Stage(name, stage))));
    let (name, alias) = pair("a@b", "prod");
    assert_eq!(read("models:/a@b@prod"), Ok(Some(ModelUri::Alias(name, alias))));
    for wrong in
        ["models:/", "models:a/1", "models:/a/", "models:/a/1/x", "models:/a@", "models:/ /1"]
    {
        assert!(read(wrong).unwrap_err().contains(MISPLACED), "{wrong}");
    }
    assert!(read("models://host/a/1").unwrap_err().contains("active model registry"));
}

#[test]
fn prompts_have_no_files() {
    check_prompt("dummy-source").unwrap();
    check_prompt("prompt-template").unwrap();
    assert!(check_prompt("s3://b/x").is_err());
}

#[test]
fn a_root_is_asked_for_only_where_it_counts() {
    for source in ["/x", "file:/x", "mlflow-artifacts:/x", "C:\\x"] {
        assert!(needs_root(source), "{source}");
    }
    for source in ["s3://b/x", "runs:/r/x", "models:/m-1", "dbfs:/x"] {
        assert!(!needs_root(source), "{source}");
    }
}
