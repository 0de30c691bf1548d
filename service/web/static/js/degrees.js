// Temperatures as this page shows them: a number in °C, or what it is in °F. As service/degrees.py does it.
const isFahrenheit = document.documentElement.dataset.degrees === 'fahrenheit';
const NUMBER = /^([-+\u2212]?)(\d+(?:\.(\d+))?)$/;

// Of a value in °C, for the places of a scale.
export const degreesOf = (celsius, isDifference) => (isFahrenheit ? 1.8 * celsius + (isDifference ? 0 : 32) : celsius);

// A number in °C as text; what is no number comes back as it is.
export function shown(text, isDifference = false) {
  const [whole, sign, size, digits = ''] = NUMBER.exec(text) || [];
  if (!isFahrenheit || !whole) {
    return text;
  }
  const value = degreesOf(sign === '-' || sign === '\u2212' ? -size : Number(size), isDifference);
  const number = Math.abs(value).toFixed(digits.length);
  return (sign === '+' || (value < 0 && Number(number) !== 0) ? sign : '') + number;
}
