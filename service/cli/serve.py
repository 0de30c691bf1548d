"""``thermoscreen serve``: the appliance."""
import click

from ..cameras import make_camera
from ..live import LiveLoop
from ..web import create_app, serve_app
from .options import bundle_option, load_settings, make_pipeline, settings_option, threads_option


@click.command()
@click.option('--camera', metavar='SPEC', help='Camera: sim, sim:SEED or replay:FOLDER.')
@click.option('--host', metavar='ADDRESS', help='Loopback address of the page. Default: 127.0.0.1.')
@click.option('--port', type=int, metavar='N', help='Port of the page. Default: 8080.')
@click.option('--files-root', type=click.Path(), metavar='DIR', help='Folder whose files the page may open.')
@bundle_option
@threads_option
@settings_option
def serve(camera, host, port, files_root, bundle, threads, settings_path):
    """Serve the kiosk page: live picture, values, files.

    The page is served on this machine only. Ctrl-C stops it.

    \b
    Example:
      thermoscreen serve --camera sim
      thermoscreen serve --camera replay:/media/usb --files-root /media/usb
    """
    settings = load_settings(settings_path, camera=camera, host=host, port=port, files_root=files_root,
                             bundle=bundle, threads=threads)
    # Made before anything starts, so that a specification that makes no sense is refused at once; the loop opens
    # it, and opens it again when it was lost.
    source = make_camera(settings.camera)
    with make_pipeline(settings) as pipeline:
        live = LiveLoop(pipeline, lambda: source, palette_name=settings.palette,
                        layer=settings.layer, jpeg_quality=settings.jpeg_quality)
        with live:
            identity = pipeline.bundle.manifest.identity
            click.echo('thermoscreen is at http://%s:%d with camera %s and model %s %s. Ctrl-C stops it.'
                       % (_printable(settings.host), settings.port, settings.camera, identity['id'],
                          identity['version']))
            serve_app(create_app(pipeline, live, settings), settings.host, settings.port, settings.max_viewers,
                      on_stop=live.dismiss)


def _printable(host):
    return '[%s]' % host if ':' in host else host
