"""CSV files as programs write them; each function gives the bytes of one dialect of `service.readers.text`."""
from tests.service.readers.files import matrix

#: What Thermal Studio writes before the first frame.
HEADER = ('Parameters:,Emissivity:,0.97\r\n,Refl. temp.:,22.5 \u00b0C\r\n,Distance:,1.2 m\r\n'
          ',Atmospheric temp.:,21.0 \u00b0C\r\n,Ext. optics temp.:,20.5 \u00b0C\r\n,Ext. optics trans.:,0.9\r\n'
          ',Relative humidity:,45.0 %\r\n')


def cells(*values):
    """One line of text, without its end."""
    return ','.join(str(value) for value in values)


def thermal_studio(frames, header=''):
    """Labels the first row of a frame, and leaves the cell before the others empty."""
    text = 'File:,C:\\rec\\a.csq\r\n\r\n' + header + '\r\n'
    for number, celsius in enumerate(frames, 1):
        lines = matrix(celsius, ',', '\r\n', 3).decode('ascii')
        text += ('Frame %d,' % number) + lines.rstrip().replace('\n', '\n,') + '\r\n'
    return text.encode('utf-8')


def numbered(celsius, corner='Axis X/Y', names=None, first=0):
    """Names or numbers its columns, and counts its rows."""
    lines = [cells(corner, *(names or range(celsius.shape[1])))]
    lines += [cells(row, *values) for row, values in enumerate(celsius.round(2).tolist(), first)]
    return 'Unit,Celsius,,,\n{}\n'.format('\n'.join(lines)).encode('ascii')


def quoted(celsius):
    """Decimal commas in quotation marks, after a header in German."""
    head = '"x","","","y"\r\n"Emissionsgrad","","","0,98"\r\n"Max. Temp.(\u00b0C)","","","34,6"\r\n""\r\n'
    return head.encode('latin-1') + b'"' + matrix(celsius, '","', '"\r\n"', comma=True)[:-1]


def sized(celsius):
    """States width and height in its first line."""
    return cells(*celsius.shape[::-1]).encode('ascii') + b'\r\n' + matrix(celsius, ',', '\r\n')
