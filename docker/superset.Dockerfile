# Superset with the packages of its lock file, the same that `make dashboards` installs.
FROM python:3.11-slim-bookworm

RUN useradd --uid 10001 --create-home --home-dir /home/superset superset \
    && install -d -o superset -g superset /var/lib/superset /opt/trailhouse

COPY dashboards/superset/requirements.lock /opt/trailhouse/requirements.lock
RUN pip install --no-cache-dir --requirement /opt/trailhouse/requirements.lock
COPY dashboards/colours.py dashboards/superset/superset_config.py dashboards/superset/chart_expressions.py dashboards/superset/pages.py dashboards/superset/prepare_metadata.py /opt/trailhouse/
COPY dashboards/superset/static /opt/trailhouse/static
COPY dashboards/superset/templates /opt/trailhouse/templates

USER 10001:10001
WORKDIR /var/lib/superset
ENV PYTHONUNBUFFERED=1 SUPERSET_CONFIG_PATH=/opt/trailhouse/superset_config.py
