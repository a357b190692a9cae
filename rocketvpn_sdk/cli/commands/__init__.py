"""The commands, one module for those that belong together."""


def _import_all() -> None:
    """Import every command: nobody calls this, but PyInstaller and Nuitka find modules by reading such statements."""
    from rocketvpn_sdk.cli.commands import (  # noqa: F401 - to be read, not to be used
        age,
        binding,
        consent,
        correct,
        delete,
        demo,
        diagnostics,
        disclosures,
        doctor,
        erase,
        export,
        guardian,
        journal,
        lint_logs,
        own_call,
        policy,
        policy_diff,
        policy_labels,
        policy_news,
        policy_show,
        queue,
        receipt,
        recovery,
        requests,
        reset,
        sandbox,
        sandbox_publish,
        sent,
        status,
        ticket,
        updates,
        view,
    )
