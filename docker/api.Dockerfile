# The API and the page. Small on purpose: no torch, no Ray, no Optuna; the work is done by docker/worker.Dockerfile.
FROM python:3.11-slim

WORKDIR /app
COPY constraints.txt docker/api-requirements.txt ./
RUN python -m pip install --no-cache-dir -c constraints.txt setuptools -r api-requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY nas nas
COPY search_spaces search_spaces
COPY workers workers
COPY api api
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation .

RUN useradd --create-home nas
USER nas
WORKDIR /home/nas
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz')"]
# Answers other machines only when a key is stored: nas keys create NAME --database URL
CMD ["sh", "-c", "exec nas serve --host 0.0.0.0 --port 8000 --workers 0 --database \"$NAS_DATABASE\""]
