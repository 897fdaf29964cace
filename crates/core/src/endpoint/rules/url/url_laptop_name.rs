use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-laptop-name",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The host is a name that resolves only in a container on a developer's machine.",
    reason: "`http://host.docker.internal:11434/v1` worked in a container on a laptop, where Docker answers \
             that name. The cluster's DNS does not know it, so the endpoint never became ready.",
    instead: "Write a name or an address at which the gateway reaches the server. A Service of this cluster \
              is `<service>.<namespace>.svc.cluster.local`.",
    good: &[
        Example::url("http://ollama.ollama.svc.cluster.local:11434/v1"),
        Example::url("http://llm.corp.internal/v1"),
    ],
    bad: &[
        Example::url("http://host.docker.internal:11434/v1"),
        Example::url("http://host.minikube.internal/v1"),
        Example::url("http://host.k3d.internal/v1"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

/// What Docker Desktop, Podman, minikube, k3d, Lima, `OrbStack` and Rancher Desktop call the machine that they run on.
const NAMES: [&str; 10] = [
    "host.docker.internal",
    "gateway.docker.internal",
    "kubernetes.docker.internal",
    "host.containers.internal",
    "host.minikube.internal",
    "control-plane.minikube.internal",
    "host.k3d.internal",
    "host.lima.internal",
    "host.orb.internal",
    "host.rancher-desktop.internal",
];

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let name = url.name()?;
    if !NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return None;
    }
    let problem = Problem::new(
        "has a host that resolves only on your own machine",
        "write one that the gateway can \
                                                                           reach",
    );
    Some(problem.at(url.parts.host))
}
