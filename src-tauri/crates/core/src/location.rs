//! Locations: where files are, as a URI or as a path of this machine.

/// The root of what the server itself keeps.
pub const PROXIED_ROOT: &str = "mlflow-artifacts:/";

/// The route by which a server hands out the files below `mlflow-artifacts:/`.
const PROXY_ROUTE: &str = "/api/2.0/mlflow-artifacts/artifacts";

/// A URI's scheme and what follows its colon; nothing for a path. One letter is a drive of
/// Windows. What a scheme is written with: RFC 3986, 3.1.
pub fn split_scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

/// What follows `scheme` and its colon in a URI that has that scheme.
pub fn strip_scheme<'a>(location: &'a str, scheme: &str) -> Option<&'a str> {
    let (its, rest) = split_scheme(location)?;
    its.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The path that a URI names below `mlflow-artifacts:/`. The address of such a file at a server
/// names it, too, and means this one, as MLflow's server takes it: roots were written so.
pub fn proxied(uri: &str) -> Option<&str> {
    if let Some(rest) = strip_scheme(uri, "mlflow-artifacts") {
        return Some(after_host(rest).trim_start_matches('/'));
    }
    let rest = strip_scheme(uri, "http").or_else(|| strip_scheme(uri, "https"))?;
    let address = rest.split(['?', '#']).next()?;
    let (_, path) = address.split_once(PROXY_ROUTE)?;
    (path.is_empty() || path.starts_with('/')).then(|| path.trim_start_matches('/'))
}

/// What follows `//host` in the part of a URI behind its scheme, if that is there.
pub fn after_host(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => rest.find('/').map_or("", |slash| &rest[slash..]),
    }
}

/// One writing of a location, whichever it has: without a host or an end that mean nothing.
pub fn one_writing(location: &str) -> String {
    let whole = match proxied(location) {
        Some(path) => format!("{PROXIED_ROOT}{path}"),
        None => location.to_owned(),
    };
    whole.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_told_from_a_drive_and_from_a_path() {
        for (location, split) in [
            ("s3://bucket/a", Some(("s3", "//bucket/a"))),
            ("FILE:/a", Some(("FILE", "/a"))),
            ("git+ssh://host/a:b", Some(("git+ssh", "//host/a:b"))),
            ("C:\\a", None),
            ("c:/a", None),
            ("/a:b", None),
            ("a/b:c", None),
            ("my runs: all", None),
            ("3d:a", None),
            ("", None),
            (":a", None),
        ] {
            assert_eq!(split_scheme(location), split, "{location:?}");
        }
    }

    #[test]
    fn what_the_server_keeps_is_told_by_root_or_address() {
        for (uri, path) in [
            ("mlflow-artifacts:/1/a", Some("1/a")),
            ("mlflow-artifacts://host:1/1/a", Some("1/a")),
            ("MLFLOW-ARTIFACTS:", Some("")),
            ("http://host:1/api/2.0/mlflow-artifacts/artifacts/1/a", Some("1/a")),
            ("https://host/under/api/2.0/mlflow-artifacts/artifacts", Some("")),
            ("http://host/api/2.0/mlflow-artifacts/artifacts//1?x=/y", Some("1")),
            ("http://host/api/2.0/mlflow-artifacts/artifacts-of-others/1", None),
            ("http://host/?/api/2.0/mlflow-artifacts/artifacts/1", None),
            ("s3://bucket/api/2.0/mlflow-artifacts/artifacts/1", None),
            ("/1/a", None),
        ] {
            assert_eq!(proxied(uri), path, "{uri}");
        }
    }

    #[test]
    fn a_location_has_one_writing() {
        for (location, one) in [
            ("mlflow-artifacts:/a/", "mlflow-artifacts:/a"),
            ("MLflow-Artifacts://host:1/a", "mlflow-artifacts:/a"),
            ("http://host/api/2.0/mlflow-artifacts/artifacts/a?b#c", "mlflow-artifacts:/a"),
            (
                "http://host/api/2.0/mlflow-artifacts/artifactsa",
                "http://host/api/2.0/mlflow-artifacts/artifactsa",
            ),
            ("s3://bucket/a//", "s3://bucket/a"),
            ("/a/", "/a"),
        ] {
            assert_eq!(one_writing(location), one);
        }
    }
}
