//! Documented values flow in; the chart's page flows out.

use std::fmt::Write;

use crate::values::{Documented, Values};

pub(crate) fn of(values: &Values) -> String {
    let mut text = format!("{HEAD}\n{TABLE}");
    let (groups, rest): (Vec<_>, Vec<_>) =
        values.0.iter().filter(|one| one.path.len() == 1).partition(|one| one.is_group(values));
    text.extend(rest.into_iter().map(row));
    for group in groups {
        let _ = write!(text, "\n### {}\n\n{}\n\n{TABLE}", group.path.join("."), group.comment);
        let inside = values.0.iter().filter(|one| one.path.len() > 1 && one.path.starts_with(&group.path));
        text.extend(inside.map(row));
    }
    text
}

fn row(one: &Documented) -> String {
    format!("| `{}` | `{}` | {} |\n", one.path.join("."), one.default, one.comment.replace('|', r"\|"))
}

const TABLE: &str = "| value | default | what it does |\n|---|---|---|\n";

const HEAD: &str = r"<!-- Generated from values.yaml by `cargo run --package chart-docs`; a test fails if it is out of date. -->
# Helm chart

This chart installs the webhook. With the default values, it creates the objects of `kubectl kustomize deploy`, except for the
namespace, which Helm creates. You can install the CRD of ModelEndpoint before or after it.

**There is no release yet**: install from a checkout, with [an image that you build](../../docs/install.md#before-the-first-release):

```console
$ helm install modelendpoint-webhook deploy/chart --namespace modelendpoint-webhook --create-namespace --wait \
    --set image.repository=registry.example.org/modelendpoint-webhook --set image.tag=dev
```

From the first release on, the chart is in a registry, with a [signed attestation](../../docs/verify-a-release.md):

```console
$ helm install modelendpoint-webhook oci://ghcr.io/modelplane/charts/modelendpoint-webhook --version 0.1.0 \
    --namespace modelendpoint-webhook --create-namespace --wait
```

`--wait` returns when the pods are ready. A pod is ready when its certificate is in the Secret and its CA is in both webhook
configurations. From then on, bad endpoints are refused. To check this, let Helm write a bad endpoint as a dry run:

```console
$ helm test modelendpoint-webhook --namespace modelendpoint-webhook
```

The chart is tested with Helm 3.22 and Helm 4.3. `helm upgrade` and `helm rollback` do not change `caBundle` and the Secret with
the keys. `helm uninstall` does not delete the Secret and the namespace, so delete the namespace yourself. To install the webhook
without refusing anything at first, see [from audit to deny](../../docs/policy.md#from-audit-to-deny).

The chart never creates a certificate itself: a certificate from `genCA` would change with each upgrade, and would be in the
release's history.

## Values

Helm checks the values against [values.schema.json](values.schema.json). A misspelled name is an error.
";
