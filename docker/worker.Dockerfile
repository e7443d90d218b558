# Trains, measures and exports what the store holds. With an NVIDIA driver on the host: docker run --gpus all.
FROM python:3.11-slim

WORKDIR /app
COPY constraints.txt ./
COPY pyproject.toml README.md LICENSE ./
COPY nas nas
COPY search_spaces search_spaces
COPY workers workers
COPY api api
RUN python -m pip install --no-cache-dir -c constraints.txt setuptools \
    && python -m pip install --no-cache-dir --no-build-isolation -c constraints.txt ".[postgres]"

RUN useradd --create-home nas
USER nas
WORKDIR /home/nas
CMD ["sh", "-c", "exec nas worker --database \"$NAS_DATABASE\""]
