// Runs in the page of OHIF: opens what it lists, and reads what it holds and shows.
(() => {
  const text = (values) => {
    let all = '';
    for (const value of values) all += String.fromCharCode(value);
    return btoa(all);
  };
  const sets = () => (window.services ? window.services.displaySetService.getActiveDisplaySets() : []);
  const viewport = () => window.cornerstone.getEnabledElements()[0].viewport;
  const isOf = (id, picture) => Boolean(id) && id.includes(`/${picture}/`);

  // The image of labels that was made for a picture, once regions are in it.
  const labels = (picture) => {
    for (const one of window.cornerstoneTools.segmentation.state.getSegmentations()) {
      for (const id of (one.representationData.Labelmap || {}).imageIds || []) {
        const image = window.cornerstone.cache.getImage(id);
        if (!image || !isOf(image.referencedImageId, picture)) continue;
        const values = image.voxelManager ? image.voxelManager.getScalarData() : image.getPixelData();
        if (values.some((value) => value > 0)) return { id: one.segmentationId, image, values };
      }
    }
    return null;
  };

  // Colours of the canvas at the middle of each pixel of a picture.
  const colours = (rows, columns) => {
    const shown = viewport(), canvas = shown.getCanvas(), copy = document.createElement('canvas');
    const scale = canvas.width / canvas.clientWidth, { imageData } = shown.getImageData(), seen = [];
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const { data } = context.getImageData(0, 0, copy.width, copy.height);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const [left, top] = shown.worldToCanvas(imageData.indexToWorld([x, y, 0])).map((at) => Math.floor(at * scale));
        seen.push(...data.subarray(4 * (top * copy.width + left), 4 * (top * copy.width + left) + 3));
      }
    }
    return text(seen);
  };

  window.looked = {
    count: () => new Set(sets().map((one) => one.SeriesInstanceUID)).size,
    isDrawn: () => Boolean(window.cornerstone) && window.cornerstone.getEnabledElements().length > 0,
    series: () => sets().map((one) => one.SeriesInstanceUID),
    show: (series) => {
      const grid = window.services.viewportGridService;
      const { displaySetInstanceUID } = sets().find((one) => one.SeriesInstanceUID === series);
      grid.setDisplaySetsForViewports([{
        viewportId: grid.getActiveViewportId(), displaySetInstanceUIDs: [displaySetInstanceUID] }]);
    },
    hasRegions: (picture) => labels(picture) !== null,
    goTo: (picture) => viewport().setImageIdIndex(viewport().getImageIds().findIndex((id) => isOf(id, picture))),
    regions: (picture) => {
      const { id, image, values } = labels(picture), palette = [];
      const { color } = window.cornerstoneTools.segmentation.config;
      for (let number = 1; number <= Math.max(...values); number++) {
        palette.push(Array.from(color.getSegmentIndexColor(viewport().id, id, number)));
      }
      return { labels: text(values), canvas: colours(image.rows, image.columns), colours: palette, error: '' };
    },
    measure: () => window.commandsManager.runCommand('setToolActive', { toolName: 'Length' }),
    lengths: () => window.cornerstoneTools.annotation.state.getAllAnnotations()
      .filter((one) => one.metadata.toolName === 'Length')
      .flatMap((one) => Object.values(one.data.cachedStats).map(({ length, unit }) => [length, unit])),
    pdf: async () => text(new Uint8Array(await (await fetch(document.querySelector('object[data]').data)).arrayBuffer())),
  };
})();
