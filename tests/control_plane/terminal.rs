//! What a person reads at a terminal, compared as a whole.

use test_support::picture::Session;

use crate::cluster::{Printed, shared, test};

fn manifest(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata:\n  name: qwen-72b\n  namespace: \
         {namespace}\nspec:\n{spec}"
    )
}

fn printed(code: i32, stdout: &str, stderr: &str) -> Printed {
    Printed { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() }
}

#[test]
fn kubectl_prints_every_violation_with_its_field() {
    test(async {
        let cluster = shared().await?;
        cluster.namespace("terminal").await?;
        let bad = manifest(
            "terminal",
            "  url: https://api.example.com:8443/v1?key=s3cret\n  rewritePath: openai/\n",
        );
        let refusal = "The ModelEndpoint \"qwen-72b\" is invalid: \n* spec.url: is https on port 8443, and \
                       the gateway speaks TLS on port 443 only, so everything would be sent in plaintext; \
                       serve TLS on 443, or write `http://` if the server speaks plain HTTP \
                       [url-tls-port]\n* spec.url: has a query, which the gateway never sends; leave out the \
                       `?` and what follows [url-query]\n* spec.rewritePath: does not start with `/`, so the \
                       server would get a malformed request line; start it with `/`; did you mean \
                       `/openai/`? [rewrite-path-absolute]\n";
        assert_eq!(cluster.kubectl(&["apply", "-f", "-"], &bad).await?, printed(1, "", refusal));

        let one = manifest("terminal", "  url: http://[::1\n");
        let refusal = "The ModelEndpoint \"qwen-72b\" is invalid: spec.url: has a misplaced `[` or `]`: \
                       Modelplane's composition fails on it, which freezes every ModelService that selects \
                       this endpoint; use brackets only around an IPv6 address, as \
                       `http://[2001:db8::10]:8000/v1` [url-syntax]\n";
        assert_eq!(cluster.kubectl(&["create", "-f", "-"], &one).await?, printed(1, "", refusal));
        Ok(())
    });
}

#[test]
fn kubectl_prints_a_warning_where_a_value_was_changed() {
    test(async {
        let cluster = shared().await?;
        cluster.namespace("warned").await?;
        let warning = "Warning: spec.rewritePath: is stored as `/ml-team/qwen-72b/`, not \
                       `/ml-team/qwen-72b`: it ends in exactly one slash; write that value \
                       [normalize-trailing-slash]\n";
        let written = manifest(
            "warned",
            "  url: http://10.0.1.50/ml-team/qwen-72b/\n  rewritePath: /ml-team/qwen-72b\n",
        );
        for (arguments, done) in [
            (&["apply", "-f", "-"][..], "created"),
            (&["apply", "--server-side", "--force-conflicts", "-f", "-"][..], "serverside-applied"),
        ] {
            assert_eq!(
                cluster.kubectl(arguments, &written).await?,
                printed(0, &format!("modelendpoint.modelplane.ai/qwen-72b {done}\n"), warning)
            );
            let path =
                ["get", "-n", "warned", "modelendpoint", "qwen-72b", "-o", "jsonpath={.spec.rewritePath}"];
            assert_eq!(cluster.kubectl(&path, "").await?, printed(0, "/ml-team/qwen-72b/", ""));
        }
        Ok(())
    });
}

#[test]
fn kubectl_prints_a_warning_for_what_deserves_a_look() {
    test(async {
        let cluster = shared().await?;
        cluster.namespace("look").await?;
        let doubled = manifest("look", "  url: https://api.together.xyz/v1\n  rewritePath: /v1/\n");
        assert_eq!(
            cluster.kubectl(&["apply", "-f", "-"], &doubled).await?,
            printed(
                0,
                "modelendpoint.modelplane.ai/qwen-72b created\n",
                "Warning: spec.rewritePath: ends in `v1/`, which clients send too, so the server is asked \
                 for `/v1/v1/...`; leave it out; did you mean `/`? [rewrite-path-version]\n"
            )
        );
        Ok(())
    });
}

#[test]
fn the_picture_of_kubectl_shows_what_it_prints() {
    test(async {
        let cluster = shared().await?;
        cluster.namespace("chat").await?;
        let mut session = Session::default();
        let bad = manifest("chat", "  url: https://qwen.example.com:8443/v1\n  rewritePath: openai\n");
        session.typed("cat endpoint.yaml");
        session.printed(&bad);
        let good = manifest("chat", "  url: https://qwen.example.com/v1\n");
        for (command, manifest) in [
            ("kubectl apply -f endpoint.yaml", bad),
            ("sed -i 's/:8443//; /rewritePath/d' endpoint.yaml && kubectl apply -f endpoint.yaml", good),
        ] {
            session.typed(command);
            let Printed { stdout, stderr, .. } = cluster.kubectl(&["apply", "-f", "-"], &manifest).await?;
            session.printed(&(stdout + &stderr));
        }
        let field = "jsonpath={.spec.rewritePath}";
        session.typed(&format!("kubectl get modelendpoint qwen-72b -n chat -o {field}"));
        let get = ["get", "modelendpoint", "qwen-72b", "-n", "chat", "-o", field];
        session.printed(&cluster.kubectl(&get, "").await?.stdout);
        session.must_be("refusal.svg");
        Ok(())
    });
}
