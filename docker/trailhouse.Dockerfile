# Trailhouse and Prefect in one image: the flows' server, the worker and the one-shot jobs.
FROM python:3.11-slim-bookworm

RUN useradd --uid 10001 --create-home --home-dir /home/trailhouse trailhouse \
    && install -d -o trailhouse -g trailhouse /var/lib/trailhouse /suites /checkpoints

WORKDIR /opt/trailhouse
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY trailhouse ./trailhouse
COPY models ./models
COPY warehouse ./warehouse
COPY server ./server
COPY cli ./cli
COPY flows ./flows
COPY dashboards ./dashboards
COPY sql ./sql
COPY dbt ./dbt
RUN pip install --no-cache-dir --constraint constraints.txt --editable .

USER 10001:10001
WORKDIR /var/lib/trailhouse
ENV PYTHONUNBUFFERED=1
CMD ["trailhouse", "--help"]
