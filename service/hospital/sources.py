"""Where thresholds and uncertainties of a report come from: in the language of the source, and in no catalogue."""

#: By the names of docs/references.md.
SOURCES = {
    'Wang2011': 'The association of infrared imaging findings of the breast with hormone receptor and human epidermal '
                'growth factor receptor 2 status of breast cancer, 2011; its tables 1 and 3.',
    'CruzRamirez2013': 'N. Cruz-Ramírez et al. Evaluation of the Diagnostic Power of Thermography in Breast Cancer '
                       'Using Bayesian Network Classifiers. Computational and Mathematical Methods in Medicine '
                       '2013:264246, 2013. doi:10.1155/2013/264246',
    'Keyserlingk1998': 'J. R. Keyserlingk et al. Infrared Imaging of the Breast: Initial Reappraisal Using '
                       'High-Resolution Digital Technology in 100 Successive Cases of Stage I and II Breast Cancer. '
                       'The Breast Journal 4(4):245-251, 1998.',
    'HeadADA411073': 'J. F. Head. Report ADA411073 of the Defense Technical Information Center (infrared imaging of '
                     'the breast).',
    'Guirro2017': 'R. R. J. Guirro et al. Accuracy and Reliability of Infrared Thermography in Assessment of the '
                  'Breasts of Women Affected by Cancer. Journal of Medical Systems 41:87, 2017.'}
