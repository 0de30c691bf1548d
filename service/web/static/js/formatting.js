// How numbers and names are written. A minus sign is a minus sign, and a relative picture has no degrees.

import { shown } from './degrees.js';
import { _, translated } from './words.js';

export const regionName = (name) => translated(name.replace(/_/g, ' '));

export const isCelsius = (values) => values.unit === 'celsius';

export const unitName = (values) => (isCelsius(values) ? _('°C') : _('grey levels'));

// A temperature and a difference of a result, in the unit of the page; without temperatures, grey levels.
export const temperature = (value, digits, values) => (isCelsius(values) ? shown(number(value, digits)) : number(value, digits));

export const difference = (value, digits, values, text = number) => (isCelsius(values) ? shown(text(value, digits), true) : text(value, digits));

export function number(value, digits) {
  if (value === null || value === undefined) {
    return '–';
  }
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? '−' : '') + text;
}

export function signed(value, digits) {
  const text = number(value, digits);
  return value > 0 && Number(text) !== 0 ? '+' + text : text;
}

// Digits of a mean difference: one more where it would read like its threshold without being equal to it.
export function digitsOf(difference, values) {
  const same = Math.abs(difference.mean).toFixed(1) === difference.threshold_c.toFixed(1);
  return isCelsius(values) && same ? 2 : 1;
}

export function seconds(ms) {
  return ms < 1950 ? (ms / 1000).toFixed(1) + ' s' : Math.round(ms / 1000) + ' s';
}

const STAGES = {
  capture: _('wait for camera'),
  quality: _('quality'),
  preprocess: _('equalise'),
  infer: _('network'),
  infer_classifier: _('classifier'),
  decode: _('regions'),
  analyse: _('measure'),
  overlay: _('draw'),
  encode: _('encode'),
  total: _('total'),
};

export const stageName = (name) => STAGES[name] || name.replace(/[_-]/g, ' ');

const BACKENDS = { onnxruntime: 'ONNX Runtime', tensorrt: 'TensorRT' };
const PROVIDERS = { TensorrtExecutionProvider: ' TensorRT', CUDAExecutionProvider: ' CUDA' };

export function backendName(backend) {
  if (!backend || !backend.name) {
    return '';
  }
  const precision = backend.precision ? ' ' + String(backend.precision).toUpperCase() : '';
  return (BACKENDS[backend.name] || backend.name) + (PROVIDERS[backend.provider] || '') + precision;
}
