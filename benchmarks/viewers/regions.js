// Runs in a page: loads a picture and its regions in dwv, one over the other, and gives the labels that it holds.
import * as dwv from 'dwv';

window.drawRegions = async (names) => {
  const errors = [];
  const layer = document.createElement('div');
  layer.id = 'layer';
  layer.style.cssText = 'position:absolute;left:0;top:0;width:640px;height:480px';
  document.body.append(layer);
  const app = new dwv.App();
  app.init(new dwv.AppOptions({ '*': [new dwv.ViewConfig('layer')] }));
  app.addEventListener('error', (event) => errors.push(String((event.error && event.error.message) || event)));
  for (const name of names) { // the regions look for a picture that is loaded
    const file = new File([await (await fetch(name)).arrayBuffer()], name);
    await new Promise((done) => {
      const loaded = () => setTimeout(done, 500);
      app.addEventListener('loaditem', loaded);
      app.addEventListener('error', loaded);
      setTimeout(done, 60000);
      app.loadFiles([file]);
    });
  }
  const images = app.getDataIds().map((id) => app.getData(id).image);
  const mask = images.find((image) => image && image.getMeta().Modality === 'SEG');
  return { errors, layers: document.querySelectorAll('#layer canvas').length,
           labels: mask ? btoa(Array.from(mask.getBuffer(), (value) => String.fromCharCode(value)).join('')) : '' };
};
