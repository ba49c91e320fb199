// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ProviderIdSet} from "../../src/foc/ProviderIdSet.sol";
import {ServiceProviderRegistry} from "../../src/foc/ServiceProviderRegistry.sol";
import {FocTest} from "./FocTest.sol";

contract RegistriesTest is FocTest {
    function test_registerProvider_succeeds() public {
        uint256 id = register(address(0xAB), address(0xCD));
        ServiceProviderRegistry.ProviderWithProduct memory provider = registry.getProviderWithProduct(id, 0);
        require(id == 2 && provider.providerInfo.payee == address(0xCD) && provider.product.isActive, "provider");
        require(provider.product.capabilityKeys.length == 7 && provider.productCapabilityValues.length == 7, "product");
        require(registry.getProvidersByProductType(0, true, 0, 100).providers.length == 2, "all");
        require(registry.getProvidersByProductType(0, true, 0, 1).hasMore, "page");
        require(registry.getProvidersByProductType(1, true, 0, 100).providers.length == 0, "no other product");
        require(0xff00000000000000000000000000000000000063.balance == 10 ether, "two fees are burned");
    }

    function test_registerProvider_revertsTwiceOrWithoutTheFee() public {
        (string[] memory keys, bytes[] memory values) = capabilities();
        VM.prank(PROVIDER);
        VM.expectRevert("Address already registered");
        registry.registerProvider{value: 5 ether}(PAYEE, "", "", 0, keys, values);
        VM.expectRevert("Incorrect fee amount");
        registry.registerProvider{value: 4 ether}(PAYEE, "", "", 0, keys, values);
    }

    function test_registerProvider_revertsOnBadCapabilities() public {
        (string[] memory keys, bytes[] memory values) = capabilities();
        keys[5] = "serviceURL";
        VM.expectRevert("Duplicate capability key");
        registry.registerProvider{value: 5 ether}(PAYEE, "", "", 0, keys, values);
        keys[5] = "place";
        VM.expectRevert(abi.encodeWithSelector(ServiceProviderRegistry.InsufficientCapabilitiesForProduct.selector, 0));
        registry.registerProvider{value: 5 ether}(PAYEE, "", "", 0, keys, values);
        values[0] = new bytes(129);
        VM.expectRevert("Invalid value length");
        registry.registerProvider{value: 5 ether}(PAYEE, "", "", 0, keys, values);
    }

    function test_updateProduct_replacesAllCapabilities() public {
        (string[] memory keys, bytes[] memory values) = capabilities();
        values[0] = "https://new";
        VM.prank(PROVIDER);
        registry.updateProduct(0, keys, values);
        require(
            keccak256(registry.getProviderWithProduct(1, 0).productCapabilityValues[0]) == keccak256("https://new"),
            "url"
        );
        VM.expectRevert("Provider not registered");
        registry.updateProduct(0, keys, values);
    }

    function test_getProvider_revertsInTheWordsThatTheSdkKnows() public {
        VM.expectRevert("Provider does not exist");
        registry.getProvider(0);
        VM.expectRevert("Provider does not exist");
        registry.getProviderWithProduct(2, 0);
        require(registry.getProviderIdByAddress(address(this)) == 0, "none");
    }

    function test_providerIdSet_isItsOwners() public {
        ProviderIdSet set = new ProviderIdSet();
        set.addProviderId(4);
        set.addProviderId(4);
        require(set.getProviderIds().length == 1 && set.containsProviderId(4), "added");
        set.removeProviderId(4);
        VM.expectRevert(abi.encodeWithSelector(ProviderIdSet.ProviderIdNotFound.selector, 4));
        set.removeProviderId(4);
        VM.prank(client);
        VM.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, client));
        set.addProviderId(5);
    }
}
