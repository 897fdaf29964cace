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

const HEAD: &str = r"<!-- Made from values.yaml by `cargo run --package chart-docs`; a test holds them equal. -->
# Helm chart

Installs the webhook. With the defaults, the objects are those of `kubectl kustomize deploy`, except for the namespace, which
Helm makes. The CRD of ModelEndpoint can come before or after.

**There is no release yet**: install from a checkout, with [an image that you build](../../docs/install.md#before-the-first-release):

```console
$ helm install modelendpoint-webhook deploy/chart --namespace modelendpoint-webhook --create-namespace --wait \
    --set image.repository=registry.example.org/modelendpoint-webhook --set image.tag=dev
```

From the first release on, the chart is in a registry, signed: [verify-a-release.md](../../docs/verify-a-release.md).

```console
$ helm install modelendpoint-webhook oci://ghcr.io/modelplane/charts/modelendpoint-webhook --version 0.1.0 \
    --namespace modelendpoint-webhook --create-namespace --wait
```

`--wait` ends when the pods are ready. A pod is ready when its certificate is in the Secret and its CA in both webhook
configurations, so from then on bad endpoints are refused. See for yourself, with a bad endpoint that is not stored:

```console
$ helm test modelendpoint-webhook --namespace modelendpoint-webhook
```

It is tested with Helm 3.22 and Helm 4.3. `helm upgrade` and `helm rollback` leave `caBundle` and the Secret with the keys
alone. `helm uninstall` leaves the Secret and the namespace: delete the namespace. To install
without denying anything at first, see [from audit to deny](../../docs/policy.md#from-audit-to-deny).

The chart never makes a certificate itself: what `genCA` makes would change with each upgrade, and would be in the release's
history.

## Values

A misspelled value is an error. Values are checked by [values.schema.json](values.schema.json).
";
