"""molfleet blobs: what lies in the blob store, and files to and from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from molfleet.cli import frame

app = typer.Typer(no_args_is_help=True, help="List, fetch and put blobs.")


@app.command("list")
def list_(
    where: Annotated[
        str, typer.Argument(help="bucket, or bucket/prefix; without: the output bucket.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    json: frame.Json = False,
) -> None:
    """List the blobs of a bucket. Example: molfleet blobs list molfleet-outputs/molfleet/TrainModel"""
    from itertools import islice

    from molfleet.blobs.factory import open_store

    settings = frame.settings()
    bucket, _, prefix = (where or settings.output_bucket).removeprefix("s3://").partition("/")
    found = list(islice(open_store(settings).list(bucket, prefix), limit + 1))
    shown = found[:limit]
    if json:
        frame.print_json(
            [
                {"bucket": b.bucket, "key": b.key, "size": b.size, "modified": b.modified.isoformat()}
                for b in shown
            ]
        )
        return
    for blob in shown:
        print(f"{blob.size:>14,}  {blob.modified:%Y-%m-%d %H:%M}  {blob.bucket}/{blob.key}")
    if len(found) > limit:
        print(f"and more: --limit {limit * 10}")
    elif not found:
        print(f"nothing under {bucket}/{prefix}")


@app.command("get")
def get(
    blob: Annotated[str, typer.Argument(help="bucket/key.")],
    to: Annotated[Path, typer.Argument(help="File or directory.")] = Path(),
    json: frame.Json = False,
) -> None:
    """Fetch one blob. Example: molfleet blobs get molfleet-outputs/some/model.molmodel ."""
    from molfleet.blobs.factory import open_store
    from molfleet.cli import fields
    from molfleet.client.transfer import download
    from molfleet.messages.generated import BlobRef

    ref = BlobRef.model_validate(fields.blob(blob, "BLOB"))
    path = download(open_store(frame.settings()), ref, to)
    if json:
        frame.print_json({"path": str(path), "size": path.stat().st_size})
    else:
        print(f"{path} ({path.stat().st_size:,} bytes)")


@app.command("put")
def put(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A local file.")],
    to: Annotated[
        str, typer.Argument(help="bucket/key, or a bucket; without: the output bucket, named by content.")
    ] = "",
    json: frame.Json = False,
) -> None:
    """Upload one file and print its reference. Example: molfleet blobs put mols.sdf inputs/mols.sdf"""
    from molfleet.blobs.factory import open_store
    from molfleet.cli import show
    from molfleet.client.transfer import upload

    settings = frame.settings()
    bucket, _, key = (to or settings.output_bucket).removeprefix("s3://").partition("/")
    ref = upload(open_store(settings), file, bucket=bucket, key=key or None)
    if json:
        frame.print_json(show.plain(ref))
    else:
        print(f"{ref.bucket}/{ref.key} ({ref.size:,} bytes)")
