// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Multicall3} from "../src/Multicall3.sol";
import {VM} from "./support/Vm.sol";

contract Multicall3Test {
    Multicall3 private multicall = new Multicall3();

    function answer() external pure returns (uint256) {
        return 42;
    }

    function fail() external pure {
        revert("no");
    }

    function test_aggregate3_succeeds() external {
        Multicall3.Result[] memory results = multicall.aggregate3(_calls(true));
        require(results[0].success && abi.decode(results[0].returnData, (uint256)) == 42);
        require(!results[1].success && results[1].returnData.length > 4, "the reason comes along");
    }

    function test_aggregate3_ofACallThatMayNotFail_reverts() external {
        Multicall3.Call3[] memory calls = _calls(false);
        VM.expectRevert("Multicall3: call failed");
        multicall.aggregate3(calls);
    }

    function _calls(bool allowFailure) private view returns (Multicall3.Call3[] memory calls) {
        calls = new Multicall3.Call3[](2);
        calls[0] = Multicall3.Call3(address(this), false, abi.encodeCall(this.answer, ()));
        calls[1] = Multicall3.Call3(address(this), allowFailure, abi.encodeCall(this.fail, ()));
    }
}
