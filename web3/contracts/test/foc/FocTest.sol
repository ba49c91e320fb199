// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Cids} from "../../src/foc/Cids.sol";
import {FilecoinPay} from "../../src/foc/FilecoinPay.sol";
import {FilecoinWarmStorageService} from "../../src/foc/FilecoinWarmStorageService.sol";
import {FilecoinWarmStorageServiceStateView} from "../../src/foc/FilecoinWarmStorageServiceStateView.sol";
import {FvmRandomness} from "../../src/foc/FvmRandomness.sol";
import {IFilecoinPay} from "../../src/foc/IFilecoinPay.sol";
import {PDPVerifier} from "../../src/foc/PDPVerifier.sol";
import {ServiceProviderRegistry} from "../../src/foc/ServiceProviderRegistry.sol";
import {SessionKeyRegistry} from "../../src/foc/SessionKeyRegistry.sol";
import {UsdfcToken} from "../../src/UsdfcToken.sol";

interface Vm {
    function prank(address sender) external;
    function roll(uint256 blockNumber) external;
    function warp(uint256 timestamp) external;
    function deal(address account, uint256 balance) external;
    function etch(address target, bytes calldata code) external;
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata reason) external;
    function expectEmit(address emitter) external;
    function assume(bool condition) external pure;
}

/// @dev The whole set of contracts, a registered provider and a client with money: what each test begins with.
abstract contract FocTest {
    Vm internal constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant CLIENT_KEY = 0xC11E47;
    uint256 internal constant SYBIL_FEE = 0.1 ether;
    uint64 internal constant PERIOD = 60;
    uint256 internal constant WINDOW = 20;
    uint256 internal constant LOCKUP_PERIOD = 86_400;
    address internal constant PROVIDER = address(0x5B);
    address internal constant PAYEE = address(0x5BA);

    address internal client;
    UsdfcToken internal usdfc;
    FilecoinPay internal pay;
    PDPVerifier internal pdp;
    ServiceProviderRegistry internal registry;
    SessionKeyRegistry internal sessionKeys;
    FilecoinWarmStorageService internal fwss;
    FilecoinWarmStorageServiceStateView internal fwssView;

    function setUp() public virtual {
        VM.roll(1000);
        VM.warp(1_800_000_000);
        client = VM.addr(CLIENT_KEY);
        usdfc = new UsdfcToken();
        pay = new FilecoinPay();
        pdp = new PDPVerifier(2, address(usdfc), SYBIL_FEE, address(pay));
        registry = new ServiceProviderRegistry();
        sessionKeys = new SessionKeyRegistry();
        fwss = new FilecoinWarmStorageService(
            pdp, IFilecoinPay(address(pay)), address(usdfc), registry, sessionKeys, PERIOD, WINDOW
        );
        fwssView = new FilecoinWarmStorageServiceStateView(fwss);
        fwss.setViewContract(address(fwssView));
        VM.etch(0xfE00000000000000000000000000000000000006, type(FvmRandomness).runtimeCode);
        register(PROVIDER, PAYEE);
        usdfc.mint(client, 1000 ether);
    }

    function register(address provider, address payee) internal returns (uint256) {
        (string[] memory keys, bytes[] memory values) = capabilities();
        VM.deal(provider, 100 ether);
        VM.prank(provider);
        return registry.registerProvider{value: 5 ether}(payee, "provider", "", 0, keys, values);
    }

    function capabilities() internal pure returns (string[] memory keys, bytes[] memory values) {
        keys = new string[](7);
        keys[0] = "serviceURL";
        keys[1] = "minPieceSizeInBytes";
        keys[2] = "maxPieceSizeInBytes";
        keys[3] = "storagePricePerTibPerDay";
        keys[4] = "minProvingPeriodInEpochs";
        keys[5] = "location";
        keys[6] = "paymentTokenAddress";
        values = new bytes[](7);
        for (uint256 i = 0; i < 7; i++) {
            values[i] = hex"01";
        }
    }

    /// @dev The client pays in and lets the service lock what it needs.
    function fund(uint256 amount) internal {
        VM.prank(client);
        usdfc.approve(address(pay), amount);
        VM.prank(client);
        pay.deposit(address(usdfc), client, amount);
        VM.prank(client);
        pay.setOperatorApproval(
            address(usdfc), address(fwss), true, type(uint256).max, type(uint256).max, LOCKUP_PERIOD
        );
    }

    // --- what the client signs

    function createData(uint256 clientDataSetId, uint256 key) internal view returns (bytes memory) {
        bytes32 structHash =
            keccak256(abi.encode(fwss.CREATE_DATA_SET_TYPEHASH(), clientDataSetId, PROVIDER, keccak256("")));
        return abi.encode(client, clientDataSetId, new string[](0), new string[](0), signed(structHash, key));
    }

    function addData(uint256 clientDataSetId, uint256 nonce, Cids.Cid[] memory pieces, uint256 key)
        internal
        view
        returns (bytes memory)
    {
        bytes32[] memory cids = new bytes32[](pieces.length);
        bytes32[] memory metadata = new bytes32[](pieces.length);
        for (uint256 i = 0; i < pieces.length; i++) {
            cids[i] = keccak256(abi.encode(keccak256("Cid(bytes data)"), keccak256(pieces[i].data)));
            bytes32 typeHash = keccak256(
                "PieceMetadata(uint256 pieceIndex,MetadataEntry[] metadata)MetadataEntry(string key,string value)"
            );
            metadata[i] = keccak256(abi.encode(typeHash, i, keccak256("")));
        }
        bytes32 structHash = keccak256(
            abi.encode(
                fwss.ADD_PIECES_TYPEHASH(),
                clientDataSetId,
                nonce,
                keccak256(abi.encodePacked(cids)),
                keccak256(abi.encodePacked(metadata))
            )
        );
        string[][] memory none = new string[][](pieces.length);
        return abi.encode(nonce, none, none, signed(structHash, key));
    }

    function signed(bytes32 structHash, uint256 key) internal view returns (bytes memory) {
        (, string memory name, string memory version, uint256 chainId, address verifyingContract,,) =
            fwss.eip712Domain();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                verifyingContract
            )
        );
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, keccak256(abi.encodePacked("\x19\x01", domain, structHash)));
        return abi.encodePacked(r, s, v);
    }

    // --- data sets

    function createAndAdd(uint256 clientDataSetId, Cids.Cid[] memory pieces) internal returns (uint256 setId) {
        bytes memory extraData = abi.encode(
            createData(clientDataSetId, CLIENT_KEY), addData(clientDataSetId, clientDataSetId + 1, pieces, CLIENT_KEY)
        );
        VM.prank(PROVIDER);
        return pdp.addPieces(0, address(fwss), pieces, extraData);
    }

    function add(uint256 setId, uint256 clientDataSetId, uint256 nonce, Cids.Cid[] memory pieces) internal {
        bytes memory extraData = addData(clientDataSetId, nonce, pieces, CLIENT_KEY);
        VM.prank(PROVIDER);
        pdp.addPieces(setId, address(0), pieces, extraData);
    }

    // --- pieces of 127 bytes: four leaves

    /// @dev Leaves of the piece that `seed` stands for; two bits of each are clear, as fr32 leaves them.
    function leavesOf(uint256 seed) internal pure returns (bytes32[4] memory leaves) {
        for (uint256 i = 0; i < 4; i++) {
            leaves[i] = trunc(keccak256(abi.encode(seed, i)));
        }
    }

    function pieceOf(uint256 seed) internal pure returns (Cids.Cid memory) {
        bytes32[4] memory leaves = leavesOf(seed);
        bytes32 root = node(node(leaves[0], leaves[1]), node(leaves[2], leaves[3]));
        return Cids.Cid(abi.encodePacked(hex"0155912022", hex"00", hex"02", root));
    }

    function piecesOf(uint256 first, uint256 count) internal pure returns (Cids.Cid[] memory pieces) {
        pieces = new Cids.Cid[](count);
        for (uint256 i = 0; i < count; i++) {
            pieces[i] = pieceOf(first + i);
        }
    }

    function proofOf(uint256 seed, uint256 leaf) internal pure returns (PDPVerifier.Proof memory proof) {
        bytes32[4] memory leaves = leavesOf(seed);
        proof.leaf = leaves[leaf];
        proof.proof = new bytes32[](2);
        proof.proof[0] = leaves[leaf ^ 1];
        uint256 pair = leaf < 2 ? 2 : 0;
        proof.proof[1] = node(leaves[pair], leaves[pair + 1]);
    }

    function node(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return trunc(sha256(abi.encodePacked(left, right)));
    }

    function trunc(bytes32 value) internal pure returns (bytes32) {
        return value & bytes32(type(uint256).max ^ 0xc0);
    }
}
