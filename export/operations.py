"""The operations that a served graph may hold, by what may reach them. What is on no list is refused.

A list of names, because TensorFlow's own mark tells too little: reading and listing files and decoding them count as
stateless. Every name here computes its outputs from its inputs and from nothing else.
"""


def names(text: str) -> frozenset:
    """The words of a text."""
    return frozenset(text.split())


COMPUTATION = names(
    """
    Abs Acos Acosh Add AddN AddV2 ApproximateEqual Asin Asinh Atan Atan2 Atanh BesselI0 BesselI0e BesselI1 BesselI1e
    Betainc BitwiseAnd BitwiseOr BitwiseXor Cast Ceil ClipByValue Complex ComplexAbs Conj Cos Cosh Digamma Div
    DivNoNan Elu EluGrad Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Igamma Igammac
    Imag Inv Invert IsFinite IsInf IsNan LeakyRelu LeakyReluGrad LeftShift Less LessEqual Lgamma Log Log1p
    LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual Polygamma Pow Real
    RealDiv Reciprocal ReciprocalGrad Relu Relu6 Relu6Grad ReluGrad RightShift Rint Round Rsqrt RsqrtGrad Selu
    SeluGrad Sigmoid SigmoidGrad Sign Sin Sinh Softplus SoftplusGrad Softsign SoftsignGrad Sqrt SqrtGrad Square
    SquaredDifference Sub Tan Tanh TanhGrad TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta

    All Any ArgMax ArgMin Cumprod Cumsum CumulativeLogsumexp EuclideanNorm Max Mean Min Prod Sum TopKV2
    UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum

    BatchMatMul BatchMatMulV2 BatchMatMulV3 Cholesky Cross Einsum FFT FFT2D IFFT IFFT2D IRFFT IRFFT2D L2Loss
    LogMatrixDeterminant MatMul MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2
    MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3
    MatrixSolve MatrixTriangularSolve Qr RFFT RFFT2D SelfAdjointEigV2 Svd

    AvgPool AvgPool3D BiasAdd BiasAddGrad Conv2D Conv2DBackpropFilter Conv2DBackpropInput Conv3D
    Conv3DBackpropInputV2 DepthwiseConv2dNative FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LRN LogSoftmax
    MaxPool MaxPool3D ResizeBicubic ResizeBilinear ResizeNearestNeighbor Softmax SoftmaxCrossEntropyWithLogits
    SparseSoftmaxCrossEntropyWithLogits

    BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo Concat ConcatOffset ConcatV2 Const
    DepthToSpace DynamicPartition DynamicStitch EnsureShape ExpandDims Fill Gather GatherNd GatherV2 Identity
    IdentityN InvertPermutation LinSpace LowerBound MirrorPad NoOp OneHot OnesLike Pack Pad PadV2 PreventGradient
    Range Rank Reshape ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatchND
    SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin
    TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose Unpack UpperBound Where ZerosLike

    StatelessMultinomial StatelessRandomBinomial StatelessRandomGammaV2 StatelessRandomGammaV3
    StatelessRandomGetKeyCounter StatelessRandomNormalV2 StatelessRandomPoisson StatelessRandomUniformFullIntV2
    StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessTruncatedNormalV2

    Case If PartitionedCall ReadVariableOp StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile While

    EmptyTensorList TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve TensorListResize
    TensorListSetItem TensorListSplit TensorListStack
    """
)
SAVING = names(  # of the function that the saver names for saving, and of no other
    """
    Const DisableCopyOnRead Identity MergeV2Checkpoints NoOp Pack ReadVariableOp SaveV2 Select ShardedFilename
    StaticRegexFullMatch StringJoin
    """
)
RESTORING = names("AssignVariableOp Const Identity NoOp RestoreV2")  # likewise
MAIN = names("Const NoOp PartitionedCall Placeholder ReadVariableOp StatefulPartitionedCall VarHandleOp")
ALGORITHM_INPUT = dict.fromkeys((name for name in COMPUTATION if "StatelessRandom" in name and "V" in name[-2:]), 3)
ALGORITHM_INPUT |= {"StatelessTruncatedNormalV2": 3}
del ALGORITHM_INPUT["StatelessRandomGammaV2"]  # it has no such input: it always draws by philox
PHILOX = 1
REASONS = {  # of what models are most likely to hold, more than that it is on no list
    "PyFunc": "runs Python",
    "PyFuncStateless": "runs Python",
    "EagerPyFunc": "runs Python",
    "XlaCallModule": "needs XLA, which stock servers disable",
    "StatelessRandomGetAlg": "leaves the random algorithm to the device",
    "StatelessRandomNormal": "does not name its random algorithm",
    "StatelessRandomUniform": "does not name its random algorithm",
    "StatelessRandomUniformInt": "does not name its random algorithm",
    "StatelessTruncatedNormal": "does not name its random algorithm",
    "RandomStandardNormal": "keeps state: draw from row seeds (tfgen.seeds)",
    "RandomUniform": "keeps state: draw from row seeds (tfgen.seeds)",
    "Assert": "fails every request that is merged into its batch",
    "CheckNumerics": "fails every request that is merged into its batch",
}


def fault(name: str, allowed: frozenset) -> str:
    """Why an operation may not stand where it stands; empty if it may."""
    if name in allowed:
        return ""
    if name in REASONS:
        return f"{name} {REASONS[name]}"
    place = {SAVING: "save function", RESTORING: "restore function", MAIN: "main graph"}.get(allowed, "served graph")
    return f"{name} is not an operation of a {place}"
