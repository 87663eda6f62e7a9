"""Bring Superset's metadata database up to date: its schema, permissions and administrator.

This program runs in Superset's Python environment. It does the work of three commands of Superset in one process,
because each command takes seconds to start. It reads the administrator's password from standard input, so that the
password is not visible in the list of processes. A second run changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path


def prepare_metadata(admin_user: str, admin_password: str) -> None:
    """Migrate the schema, update roles and permissions, and create the administrator or set its password."""
    from flask_migrate import upgrade
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        import superset
        from superset.extensions import appbuilder, security_manager

        upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        user = security_manager.find_user(admin_user)
        if user is None:
            role = security_manager.find_role("Admin")
            email = f"{admin_user}@localhost"
            if not security_manager.add_user(admin_user, "Trailhouse", "Admin", email, role, password=admin_password):
                sys.exit(f"Superset refused to create the user {admin_user}")
        else:
            security_manager.reset_password(user.id, admin_password)


if __name__ == "__main__":
    prepare_metadata(sys.argv[1], sys.stdin.readline().strip())
