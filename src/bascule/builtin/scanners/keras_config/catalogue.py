"""The names that a Keras configuration may bear, by what loading makes of them.

Rules: names are compared without case and underscores, since Keras writes `GlorotUniform` and `glorot_uniform` for
one thing; a module is judged by its first part, except where a part of Keras itself reaches files or code. What stands
in none of these lists is a custom object: its code is not in the file, and nobody here can say what it does.

Source: the public API of Keras 2 and 3 and of TensorFlow 2; advisories CVE-2024-3660, CVE-2025-1550, CVE-2025-8747,
CVE-2025-9905, CVE-2025-9906, CVE-2025-12058.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FAMILY = _words("""
    keras tf_keras keras_core keras_preprocessing tensorflow tensorflow_core tensorflow_addons tensorflow_probability
    tensorflow_text keras_nlp keras_cv keras_hub keras_tuner addons tensorflow_model_optimization
    """)
"""First parts of modules, and packages of registered names, whose objects are Keras's own or its sister libraries'."""

REACHING_MODULES = _words("utils saving models export distribution visualization io py_function")
"""Parts of Keras and TensorFlow whose functions reach files, the network or code, and that no layer needs by name."""

REACHING_NAMES = _words("""
    getfile loadmodel loadweights savemodel saveweights modelfromjson modelfromyaml modelfromconfig readfile
    writefile pyfunction numpyfunction pyfunc eagerpyfunc loadlibrary loadoplibrary loadfilesystemlibrary
    extractarchive enableunsafedeserialization deserializekerasobject deserializeobject fromconfig runpy matchingfiles
    imagefromdirectory audiodatasetfromdirectory loadimg plotmodel savedmodelload deletefile rename remove gfile
    copyfile makedirs exec eval system popen funcload funcloads
    """)
"""Functions of Keras and TensorFlow that fetch, read, write, deserialise or run."""

LOADING_CLASSES = {
    "tfsmlayer": "loads a TensorFlow SavedModel from the path that the configuration names",
    "torchmodulewrapper": "unpickles a PyTorch module that the configuration carries",
    "kerashublayer": "loads a TensorFlow SavedModel from the address that the configuration names",
}
"""Classes of Keras whose construction loads something else."""

HARMLESS_NAMES = frozenset(["tocategorical", "normalize", "padsequences", "getsourceinputs"])
"""Functions of those parts that only compute."""

BUILT_IN_FUNCTIONS = _words("""
    __import__ breakpoint compile delattr eval exec getattr globals help input locals memoryview open print setattr
    vars type classmethod staticmethod __build_class__ __loader__ exit quit copyright credits license
    """)
"""Functions of Python's `builtins` that no activation shares its name with."""

GADGET_MODULES = _words("""
    os posix nt sys subprocess builtins __builtin__ importlib imp runpy pty commands popen2 shutil socket ctypes code
    codeop pickle _pickle cpickle marshal shelve dill joblib cloudpickle jsonpickle timeit cprofile profile pdb bdb
    trace doctest webbrowser urllib http ftplib smtplib telnetlib ssl asyncio multiprocessing threading _thread
    concurrent operator functools itertools types inspect ast io pathlib tempfile glob zipfile tarfile zipimport pkgutil
    pkg_resources setuptools distutils pip site sysconfig venv ensurepip platform logging test unittest pydoc idlelib
    turtledemo lib2to3 antigravity this numpy scipy torch torchvision pandas sklearn ipython requests urllib3 yaml
    google fsspec s3fs boto3 paramiko fabric
    """)
"""First parts of modules in which a name can be called to run, fetch or unpickle something; none holds Keras layers."""

PLAIN_MARKERS = _words(
    "__tuple__ __bytes__ __ellipsis__ __slice__ __numpy__ __tensor__ __keras_tensor__ __typespec__ __bool__"
)
"""Class names with which Keras writes plain values."""

_LAYERS = """
    Layer Dense EinsumDense Embedding ReversibleEmbedding Masking Identity Lambda Input InputLayer InputSpec Activation
    ReLU LeakyReLU PReLU ELU Softmax ThresholdedReLU Flatten Reshape Permute RepeatVector Dropout AlphaDropout
    GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D ActivityRegularization
    ActivityRegularizer BatchNormalization BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization
    LayerNormalization GroupNormalization UnitNormalization RMSNormalization SpectralNormalization Normalization
    Conv1D Conv2D Conv3D Convolution1D Convolution2D Convolution3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
    Deconvolution2D Deconvolution3D Convolution2DTranspose SeparableConv1D SeparableConv2D SeparableConvolution2D
    DepthwiseConv1D DepthwiseConv2D LocallyConnected1D LocallyConnected2D AtrousConvolution2D MaxPooling1D MaxPooling2D
    MaxPooling3D MaxPool1D MaxPool2D MaxPool3D AveragePooling1D AveragePooling2D AveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalAvgPool2D AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D
    AdaptiveMaxPooling2D AdaptiveMaxPooling3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D Cropping1D Cropping2D Cropping3D RNN SimpleRNN SimpleRNNCell LSTM LSTMCell LSTMV1 LSTMV2 GRU GRUCell
    GRUV1 GRUV2 CuDNNLSTM CuDNNGRU ConvLSTM1D ConvLSTM2D ConvLSTM3D ConvLSTM2DCell StackedRNNCells Wrapper
    TimeDistributed Bidirectional Add Subtract Multiply Average Maximum Minimum Concatenate Dot Merge Attention
    AdditiveAttention MultiHeadAttention GroupedQueryAttention GroupQueryAttention DenseFeatures DenseFeaturesV2
    TFOpLambda SlicingOpLambda ClassMethod InstanceMethod InstanceProperty TensorFlowOpLayer AddLoss AddMetric
    MaxoutDense Highway TimeDistributedDense Rescaling Resizing CenterCrop RandomCrop RandomFlip RandomRotation
    RandomTranslation RandomZoom RandomContrast RandomBrightness RandomHeight RandomWidth RandomColorJitter
    RandomHue RandomSaturation RandomSharpness RandomShear RandomErasing RandomGrayscale RandomPerspective
    RandomInvert RandomPosterization RandomColorDegeneration RandomGaussianBlur RandomElasticTransform RandAugment
    AugMix AutoContrast CutMix MixUp Equalization Solarization Pipeline MaxNumBoundingBoxes STFTSpectrogram
    MelSpectrogram CategoryEncoding Discretization Hashing HashedCrossing IntegerLookup StringLookup TextVectorization
    CategoryCrossing FeatureSpace Cross Feature Quantizer AbsMaxQuantizer RandomFourierFeatures
    """
_MODELS = "Sequential Functional Model Graph Network LinearModel WideDeepModel"
_PARTS = """
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal OrthogonalInitializer
    IdentityInitializer STFT STFTInitializer GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal
    Uniform Normal Initializer L1 L2 L1L2 OrthogonalRegularizer L1L2Regularizer MaxNorm NonNeg UnitNorm MinMaxNorm
    RadialConstraint Constraint Policy DTypePolicy FloatDTypePolicy QuantizedDTypePolicy QuantizedFloat8DTypePolicy
    DTypePolicyMap PolicyV1 TensorShape KerasTensor TypeSpec TensorSpec RaggedTensorSpec SparseTensorSpec TrackableDict
    ListWrapper DictWrapper CompileConfig SeedGenerator function float32 float16 bfloat16
    Linear Elu Exponential Gelu HardSigmoid HardSwish HardSilu Relu Relu6 Selu Sigmoid Silu Softplus Softsign Swish Tanh
    LogSoftmax Mish Celu Glu Squareplus SoftShrink HardShrink HardTanh Threshold TanhShrink SparsePlus Sparsemax
    LogSigmoid
    SGD RMSprop Adam AdamW Adamax Adadelta Adagrad Nadam Ftrl Adafactor Lion Lamb Muon LossScaleOptimizer
    TFOptimizer Optimizer ExponentialDecay CosineDecay CosineDecayRestarts PiecewiseConstantDecay PolynomialDecay
    InverseTimeDecay
    """
_MEASURES = """
    BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy BinaryFocalCrossentropy
    CategoricalFocalCrossentropy KLDivergence KullbackLeiblerDivergence Poisson MeanSquaredError MeanAbsoluteError
    MeanAbsolutePercentageError MeanSquaredLogarithmicError MeanRelativeError RootMeanSquaredError CosineSimilarity
    CosineProximity Huber LogCosh Logcosh LogCoshError Hinge SquaredHinge CategoricalHinge Dice Tversky Circle CTC
    LossFunctionWrapper MeanMetricWrapper SumOverBatchSizeMetricWrapper Mean Sum Accuracy BinaryAccuracy
    CategoricalAccuracy SparseCategoricalAccuracy TopKCategoricalAccuracy SparseTopKCategoricalAccuracy AUC Precision
    Recall PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity SpecificityAtSensitivity TruePositives
    TrueNegatives FalsePositives FalseNegatives IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU F1Score FBetaScore
    R2Score PearsonCorrelation ConcordanceCorrelation CategoricalMetric
    """


def plain(name: str) -> str:
    """A name as it is compared."""
    return name.replace("_", "").lower()


KNOWN = frozenset(plain(name) for names in (_LAYERS, _MODELS, _PARTS, _MEASURES) for name in names.split())
"""Class names of Keras itself, as `plain` writes them."""

MEASURES_BY_NAME = _words("""
    mse mae mape msle kld kldivergence bce acc ce accuracy crossentropy cosine cosinesimilarity cosineproximity logcosh
    loss auc meaniou topk f1score lossfunction binarycrossentropy
    """)
"""Short names of losses and metrics, as `plain` writes them."""
