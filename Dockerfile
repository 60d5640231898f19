# impersona on the CPU.
#   docker build -t impersona .
#   mkdir -p runs && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD/runs:/work/runs" impersona run
FROM python:3.12-slim-bookworm

# OpenCV's wheel needs libGL and GLib.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
# PyTorch's own index has the build without CUDA, a tenth of the size.
RUN pip install --no-cache-dir -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu . \
    && install -d -m 1777 /work /cache
# Any user may be given on the command line; embeddings stay in the container unless /cache is mounted too.
ENV IMPERSONA_CACHE=/cache HOME=/tmp
USER nobody
WORKDIR /work
ENTRYPOINT ["impersona"]
CMD ["run"]
