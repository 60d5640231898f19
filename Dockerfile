# impersona on the CPU. Build: docker build -t impersona .   Run: docker run --rm -v "$PWD/runs:/work/runs" impersona run
FROM python:3.12-slim-bookworm

# OpenCV's wheel needs libGL and GLib.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY . .
# PyTorch's own index has the build without CUDA, a tenth of the size.
RUN pip install --no-cache-dir -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu . \
    && useradd --create-home impersona \
    && install -d -o impersona /work
USER impersona
WORKDIR /work
ENTRYPOINT ["impersona"]
CMD ["run"]
