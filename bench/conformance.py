"""Whether a plugin keeps the promises of its protocol: what `impersona check` asks and contract tests run."""
