//! An admission request flows in; what to change about its object flows out, as a JSON Patch and a warning.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation};

use super::ownership;
use super::review::{Object, Request};
use crate::endpoint::mutation::{self, Change, Mutation, Warning};
use crate::endpoint::{Spec, Value};

/// Returns what to change in the request's object.
#[must_use]
pub(super) fn mutate<'a>(request: &Request<'_>, object: &'a Object<'_>) -> Mutation<'a> {
    mutation::mutate(object.spec(), request.replaced_spec(), || {
        let metadata = object.metadata.0.as_ref();
        let managed_fields = metadata.and_then(|metadata| metadata.managed_fields);
        ownership::of_rewrite_path(managed_fields, metadata.and_then(|metadata| metadata.annotations))
    })
}

/// The change of a spec as a JSON Patch of its object.
#[must_use]
pub(super) fn patch(spec: Spec<'_>, change: &Change<'_>) -> Patch {
    let path = PointerBuf::from_tokens(change.field.keys().iter().copied());
    let value = change.value.as_ref().into();
    Patch(vec![match spec.value(change.field) {
        Value::Absent => PatchOperation::Add(AddOperation { path, value }),
        Value::NotText | Value::Text(_) => PatchOperation::Replace(ReplaceOperation { path, value }),
    }])
}

/// The warning as `kubectl` prints it.
#[must_use]
pub(super) fn line(Warning { id, field, problem, remedy }: &Warning) -> String {
    format!("{}: {problem}; {remedy} [{id}]", field.path())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::admission::review::Review;
    use crate::endpoint::mutation::{DEFAULT, NORMALIZE, NORMALIZE_ORIGIN, REFRESH};

    fn request(request: &Json) -> Vec<u8> {
        let mut request = request.clone();
        request["uid"] = json!("u");
        json!({ "request": request }).to_string().into_bytes()
    }

    /// The mutation's id, its patch and its warning.
    fn mutated(json: &Json) -> (Option<&'static str>, Json, Option<String>) {
        let body = request(json);
        let review = Review::parse(&body).expect("a review");
        let object = review.request.object.0.as_ref().expect("an object");
        let mutation = mutate(&review.request, object);
        let warning = mutation.warning.as_ref().map(line);
        match mutation.change {
            Some(change) => (Some(change.id), json!(super::patch(object.spec(), &change)), warning),
            None => (None, Json::Null, warning),
        }
    }

    fn created(spec: &Json) -> (Option<&'static str>, Json, Option<String>) {
        mutated(&json!({"operation": "CREATE", "object": {"spec": spec}}))
    }

    /// An update of the url from `.../a/v1` to `.../b/v1` that leaves rewritePath at `path`.
    fn moved(path: &str, managed_fields: &Json) -> (Option<&'static str>, Json, Option<String>) {
        mutated(&json!({
            "operation": "UPDATE",
            "object": {
                "metadata": {"managedFields": managed_fields},
                "spec": {"url": "http://h.example/b/v1", "rewritePath": path},
            },
            "oldObject": {"spec": {"url": "http://h.example/a/v1", "rewritePath": path}},
        }))
    }

    /// The rewritePath follows the url to `/b/`.
    fn refreshed(former: &str) -> (Option<&'static str>, Json, Option<String>) {
        let warning = format!(
            "spec.rewritePath: follows the url to `/b/`, from `{former}`; write the value that you want to \
             keep [refresh-default]"
        );
        (Some(REFRESH), patch("replace", "/b/"), Some(warning))
    }

    fn patch(op: &str, value: &str) -> Json {
        json!([{"op": op, "path": "/spec/rewritePath", "value": value}])
    }

    #[test]
    fn an_origin_is_stored_in_its_normal_form() {
        let spec =
            json!({"origin": "https://API.example.com/v1", "api": {"schema": "OpenAI", "prefix": "/v1"}});
        let patch = json!([{"op": "replace", "path": "/spec/origin", "value": "https://api.example.com"}]);
        let warning =
            "spec.origin: is stored as `https://api.example.com`; write that value [normalize-origin]";
        assert_eq!(created(&spec), (Some(NORMALIZE_ORIGIN), patch, Some(warning.to_owned())));
        for spec in [
            json!({"origin": "https://api.example.com", "api": {"prefix": "/v1/"}}),
            json!({"origin": "https://api.example.com/openai/v1", "api": {"prefix": "/v1"}}),
            json!({"origin": 5}),
        ] {
            assert_eq!(created(&spec), (None, Json::Null, None), "{spec}");
        }
    }

    #[test]
    fn a_missing_rewrite_path_is_set_from_the_url() {
        for spec in [
            json!({"url": "http://h.example/a/v1"}),
            json!({"url": "http://h.example/a/v1", "rewritePath": null}),
        ] {
            assert_eq!(created(&spec), (Some(DEFAULT), patch("add", "/a/"), None));
        }
        assert_eq!(
            created(&json!({"url": "http://h.example/a/v1", "rewritePath": ""})),
            (
                Some(DEFAULT),
                patch("replace", "/a/"),
                Some(
                    "spec.rewritePath: is stored as `/a/`, not empty; write that, or leave it out \
                      [default-rewrite-path]"
                        .to_owned()
                )
            )
        );
    }

    #[test]
    fn a_path_that_is_no_rewrite_path_gives_no_default_and_says_so() {
        assert_eq!(
            created(&json!({"url": "http://h.example/a%20b/v1"})),
            (
                None,
                Json::Null,
                Some(
                    "spec.rewritePath: has no default, because the url's path cannot be one; write one, or \
                     requests keep `/<ns>/<service>/` [default-rewrite-path]"
                        .to_owned()
                )
            )
        );
    }

    #[test]
    fn a_trailing_slash_is_normalized_with_a_warning() {
        for written in ["/a", "/a//", "/a///"] {
            assert_eq!(
                created(&json!({"url": "http://h.example/v1", "rewritePath": written})),
                (
                    Some(NORMALIZE),
                    patch("replace", "/a/"),
                    Some(format!(
                        "spec.rewritePath: is stored as `/a/`, not `{written}`: it ends in exactly one \
                         slash; write that value [normalize-trailing-slash]"
                    ))
                )
            );
        }
    }

    #[test]
    fn what_is_fine_or_malformed_is_left_alone() {
        for spec in [
            json!({"url": "http://h.example/v1", "rewritePath": "/a/"}),
            json!({"url": "http://h.example/v1", "rewritePath": "a"}),
            json!({"url": "http://h.example/v1", "rewritePath": "/a?b"}),
            json!({"url": "http://h.example/v1", "rewritePath": ["/a"]}),
            json!({"url": "http://[::1"}),
            json!({"url": 5}),
            json!({"url": null}),
            json!({}),
            json!([]),
        ] {
            assert_eq!(created(&spec), (None, Json::Null, None), "{spec}");
        }
    }

    #[test]
    fn a_default_follows_its_url_until_somebody_owns_it() {
        let nobodys = json!([{"fieldsV1": {"f:spec": {"f:url": {}}}}]);
        let somebodys = json!([{"fieldsV1": {"f:spec": {"f:url": {}, "f:rewritePath": {}}}}]);
        assert_eq!(moved("/a/", &nobodys), refreshed("/a/"));
        assert_eq!(moved("/other/", &nobodys), refreshed("/other/"));
        assert_eq!(moved("/b/", &nobodys), (None, Json::Null, None));
        assert_eq!(moved("/a/", &somebodys), (None, Json::Null, None));
        assert_eq!(moved("/a", &somebodys).0, Some(NORMALIZE));
    }

    #[test]
    fn a_value_that_is_written_with_the_url_is_kept() {
        let update = |old: Json, new: Json| {
            mutated(&json!({
                "operation": "UPDATE",
                "object": {"metadata": {"managedFields": [{"fieldsV1": {}}]}, "spec": new},
                "oldObject": {"spec": old},
            }))
        };
        let a = json!({"url": "http://h.example/a/v1", "rewritePath": "/a/"});
        let b = json!({"url": "http://h.example/b/v1", "rewritePath": "/mine/"});
        assert_eq!(update(a.clone(), b), (None, Json::Null, None));
        assert_eq!(update(a.clone(), a), (None, Json::Null, None));
    }

    #[test]
    fn without_field_management_the_value_shows_whose_it_is() {
        assert_eq!(moved("/a/", &json!([])), refreshed("/a/"));
        assert_eq!(moved("/other/", &json!([])), (None, Json::Null, None));
    }

    #[test]
    fn a_default_stays_where_the_new_url_has_none() {
        let update = |url: &str| {
            mutated(&json!({
                "operation": "UPDATE",
                "object": {
                    "metadata": {"managedFields": [{"fieldsV1": {}}]},
                    "spec": {"url": url, "rewritePath": "/a/"},
                },
                "oldObject": {"spec": {"url": "http://h.example/a/v1", "rewritePath": "/a/"}},
            }))
        };
        assert_eq!(
            update("http://h.example/a%20b/v1"),
            (
                None,
                Json::Null,
                Some(
                    "spec.rewritePath: stays `/a/`: the new url's path gives no default; write one \
                     [refresh-default]"
                        .to_owned()
                )
            )
        );
        assert_eq!(update("http://[::1"), (None, Json::Null, None));
    }
}
